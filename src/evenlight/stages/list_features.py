"""`evenlight features --list`: every family with its options and columns."""

from evenlight.feature_table import family, family_names

_SHAPE = (64, 64, 3)


def describe_families() -> str:
    """Text for people: what a family is, its options with defaults, and the columns it makes at 64 x 64."""
    parts = []
    for name in family_names():
        module = family(name)
        options = module.Options()
        columns = module.column_names(options, _SHAPE)
        lines = [f"{name}: {_first_line(module.__doc__)}"]
        for key, field in module.Options.model_fields.items():
            lines.append(f"  option {key} = {getattr(options, key)}: {field.description}")
        shown = ", ".join(columns) if len(columns) <= 50 else f"{', '.join(columns[:3])}, ... {columns[-1]}"
        doc = " ".join((module.column_names.__doc__ or "").split("Raises:")[0].split())
        lines += [f"  {len(columns)} columns at 64 x 64: {shown}", f"  {doc}"]
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def _first_line(text: str | None) -> str:
    return (text or "").split("\n")[0]
