"""Numbers in the sentences of the audit, written the same way everywhere."""

from collections.abc import Sequence

from evenlight.evaluation.intervals import wilson


def percent(share: float) -> str:
    """`61 %`; one digit below 10 % and above 90 %, two where that would read as none or all."""
    value = 100 * share
    if value in (0, 100):
        return f"{value:.0f} %"
    text = f"{value:.0f}" if 10 <= value <= 90 else f"{value:.1f}"
    if text in ("0.0", "100.0"):
        return "under 0.1 %" if value < 50 else "over 99.9 %"
    return f"{text} %"


def counted(right: int, n: int, confidence: float | None = None) -> str:
    """`61 % (31 of 51)`, or `61 % (31 of 51; 95 % 47-73)` with Wilson's interval.

    Args:
        right: at most n.
        n: at least 1.
        confidence: of the interval, such as 0.95.
    """
    text = f"{right:,} of {n:,}"
    if confidence is not None:
        low, high = wilson(right, n, confidence)
        text += f"; {100 * confidence:g} % {_end(low)}-{_end(high)}"
    return f"{percent(right / n)} ({text})"


def chance(p: float) -> str:
    """`p=.017`, `p<.001`."""
    if p < 0.001:
        return "p<.001"
    return "p=" + (f"{p:.3f}" if p < 0.1 else f"{p:.2f}").removeprefix("0")


def number(value: float) -> str:
    """Whole numbers with thousands separators; small ones that are not whole with one digit."""
    return f"{value:,.0f}" if value >= 100 or float(value).is_integer() else f"{value:.1f}"


def many(n: int, one: str, more: str = "") -> str:
    """`1 image`, `1,200 images`; `more` is the plural where it is not one + s."""
    return f"{n:,} {one if n == 1 else more or one + 's'}"


def listed(items: Sequence[str], most: int = 5) -> str:
    """`a, b and c`; after the first `most` items only how many there are more."""
    shown = list(items[:most])
    if len(items) > most:
        shown.append(f"{len(items) - most:,} more")
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def limited(n: int, shown: int) -> str:
    """That evidence shows some of n items only; nothing where it shows all."""
    return f"{shown:,} of {n:,} are shown." if n > shown else ""


def _end(share: float) -> str:
    value = 100 * share
    return f"{value:.0f}" if value in (0, 100) or 10 <= value <= 90 else f"{value:.1f}"
