"""Checks are found by name, run in the order of the report, and do not hide each other's mistakes."""

import sys
import types

import pytest
from audit_world import world
from pydantic import ValidationError

from evenlight.audit import registry
from evenlight.audit.findings import Finding, Result
from evenlight.audit.run import run
from evenlight.errors import UserError
from evenlight.settings import Settings

DATA = world(["day"] * 40 + ["night"] * 40, groups={"weather": ["fog", "rain"] * 40})


def test_checks_are_listed_in_the_order_of_the_report():
    names = registry.check_names()
    first = ["files", "class_balance", "group_balance", "association", "intersections"]
    assert names[:5] == first
    assert len(names) == len(set(names))


def test_every_check_has_a_title_options_and_a_function():
    for name in registry.check_names():
        module = registry.check_module(name)
        title = registry.check_title(name)
        assert title
        assert not title.endswith(".")
        assert issubclass(module.Options, Settings)
        assert all(field.description for field in module.Options.model_fields.values())
        module.Options()
        assert callable(module.check)


def test_unknown_check_is_a_users_mistake():
    with pytest.raises(UserError, match="no audit check 'clas_balance'; did you mean 'class_balance'"):
        run(DATA, {"clas_balance": {}})


def test_run_keeps_the_order_and_takes_options(capsys):
    found = run(DATA, {"association": None, "class_balance": {"least_test": 50}})
    assert [name for name, _, _ in found] == ["class_balance", "association"]
    assert found[0][1].startswith("Class balance")
    assert found[0][2].findings[0].severity == "warn"
    messages = capsys.readouterr().err.splitlines()
    assert "audit 1 of 2: Class balance" in messages[0]
    assert len(messages) == 2


def test_run_refuses_unknown_options():
    with pytest.raises(ValidationError):
        run(DATA, {"class_balance": {"ration": 3}})


def test_a_new_check_needs_no_registration_and_its_mistakes_show(monkeypatch, tmp_path):
    module = types.ModuleType("evenlight.audit.checks.aaa_new")
    module.__doc__ = "A new check.\n\nMore."
    module.Options = type("Options", (Settings,), {})
    module.check = lambda data, options: Result([Finding("aaa_new", "ok", "x", "fine")])
    (tmp_path / "aaa_new.py").touch()
    monkeypatch.setattr(
        registry.evenlight.audit.checks,
        "__path__",
        [*registry.evenlight.audit.checks.__path__, str(tmp_path)],
    )
    monkeypatch.setitem(sys.modules, module.__name__, module)
    assert registry.check_names()[-1] == "aaa_new"
    assert [result[:2] for result in run(DATA, {"aaa_new": {}})] == [("aaa_new", "A new check")]

    def broken(data, options):
        raise ZeroDivisionError

    module.check = broken
    with pytest.raises(ZeroDivisionError):
        run(DATA, {"class_balance": {}, "aaa_new": {}})
