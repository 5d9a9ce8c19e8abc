"""What the pages share: the template environment, and how numbers and texts look."""

import re
from typing import TYPE_CHECKING, Any

from evenlight.report.charts import visible_text

if TYPE_CHECKING:
    import jinja2

_SHORTEST = 30  # characters of a headline
_SPACE = "\N{NO-BREAK SPACE}"


def environment() -> "jinja2.Environment":
    """Templates of the package; everything they print is escaped, and a name they don't know is an error."""
    import jinja2

    made = jinja2.Environment(
        loader=jinja2.PackageLoader("evenlight.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "visible": visible_text,
        "prose": prose,
        "pieces": pieces,
        "count": lambda number: f"{number:,}",
        "plural": lambda number, word: f"{number:,} {word}" if number == 1 else f"{number:,} {word}s",
        "number": number_text,
        "percent": percent,
        "likelihood": likelihood,
        "decimal": lambda value: "undefined" if value is None else f"{value:.3f}",
        "interval": interval,
    }
    return made


def prose(sentence: str) -> str:
    """A sentence with nothing hidden in it, whose percentages do not break over two lines."""
    shown = _SPACE.join(visible_text(part) for part in sentence.split(_SPACE))
    return re.sub(r"(?<=\d) (?=%)", _SPACE, shown)


def headline(sentence: str) -> str:
    """The first sentence of a finding: up to a full stop outside of brackets that is no initial or abbreviation."""
    depth = 0
    for place, character in enumerate(sentence[:-1]):
        depth += (character == "(") - (character == ")")
        if character == "." and sentence[place + 1] == " " and depth <= 0 and place >= _SHORTEST:
            return sentence[: place + 1]
    return sentence


def pieces(name: str) -> list[str]:
    """Parts between which a long name may be broken: folders of a path, else words joined by underscores."""
    end = "/" if "/" in name else "_"
    return re.findall(f"[^{end}]*{end}+|[^{end}]+", name)


def number_text(value: float | int | None) -> str:
    """A number of unknown kind for people: whole numbers in full, others with three digits; `undefined` for None."""
    if value is None:
        return "undefined"
    if isinstance(value, int) or abs(value) >= 1000:
        return f"{value:,.0f}"
    if 0 < abs(value) < 0.0001:
        return "under 0.0001" if value > 0 else "above -0.0001"
    return f"{value:.3g}"


def percent(share: float | None) -> str:
    """`93.1 %`, or `undefined`."""
    return "undefined" if share is None else f"{100 * share:.1f}{_SPACE}%"


def likelihood(share: float) -> str:
    """A probability in per cent that is never rounded to certainty: `93.1 %`, `over 99.9 %`, `under 0.1 %`.

    With plain spaces, because it is written into pictures too.
    """
    if round(share, 3) >= 1:
        return "over 99.9 %"
    return "under 0.1 %" if round(share, 3) <= 0 else f"{100 * share:.1f} %"


def points(difference: float | None) -> str:
    """A difference of shares in percentage points with its sign: `+1.2`, `−0.4`, `0.0`; `undefined` for None."""
    if difference is None:
        return "undefined"
    shown = round(100 * difference, 1)
    return f"{shown:+.1f}".replace("-", "\N{MINUS SIGN}") if shown else "0.0"


def interval(measure: dict[str, Any] | None) -> str:
    """`88.1 to 96.1` in per cent, or nothing when an end is undefined."""
    low, high = (measure or {}).get("low"), (measure or {}).get("high")
    return "" if low is None or high is None else f"{100 * low:.1f} to {100 * high:.1f}"
