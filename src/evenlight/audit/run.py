"""Run the checks of the audit one after the other."""

from collections.abc import Mapping
from typing import Any

from evenlight.audit.data import AuditData
from evenlight.audit.findings import Result
from evenlight.audit.registry import check_module, check_names, check_title
from evenlight.progress import say


def run(data: AuditData, checks: Mapping[str, Mapping[str, Any] | None]) -> list[tuple[str, str, Result]]:
    """Name, title and result of every check asked for, in the order of the report.

    A check never raises on odd data; what it raises all the same is a mistake in it and stops the audit.

    Args:
        data: what to look at.
        checks: check -> its options; None for all defaults.

    Raises:
        UserError: there is no check of that name.
        pydantic.ValidationError: options that the check does not know.
    """
    for name in checks:
        check_module(name)  # a wrong name is said before minutes of work
    names = [name for name in check_names() if name in checks]
    results = []
    for number, name in enumerate(names, start=1):
        say(f"  audit {number} of {len(names)}: {check_title(name)}")
        module = check_module(name)
        results.append((name, check_title(name), module.check(data, module.Options(**(checks[name] or {})))))
    return results
