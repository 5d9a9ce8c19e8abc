"""ABOUT.md of the example data: how it is made, what it holds, what is wrong with it."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from evenlight.example_frames import SUNRISE, SUNSET
from evenlight.example_plan import LABELS, Flaws, Frame, Plan


def about(whole: Plan, flaws: Flaws) -> str:
    """The page as Markdown."""
    return "\n".join(
        [_making(whole), *_contents(whole, flaws), *_groups(whole, flaws), *_files(whole, flaws)]
    )


def _making(whole: Plan) -> str:
    return f"""# Scenes: a rendered example data set

{len(whole.frames)} street scenes in two classes, `day` and `night`. All of it is synthetic:
`evenlight.example_data` draws it with OpenCV and numpy; no photo, person or place is real. Written by
`render(folder, images={whole.images}, seed={whole.seed})`; the same call writes the same bytes.

## How it is made
- Each camera looks at one street of its own: a small world in metres (houses, road, trees, lamps, boats)
  painted in perspective into layers of colour, distance, sunlight, gloss and snow.
- Each frame puts a moment on that street: hour, weather, sun or moon, clouds, lit windows, traffic, rain,
  snow, fog, and then the camera: exposure, tint, noise, a few pixels of shake, JPEG or PNG.
- The class follows the sun: `day` from sunrise ({_clock(SUNRISE)}) to sunset ({_clock(SUNSET)}), `night` from
  24 minutes after sunset to 24 minutes before sunrise. One frame in six is close to that border. So some days
  are darker than some nights: lamps, snow and fog make nights bright, rain and dusk make days dark.
"""


def _contents(whole: Plan, flaws: Flaws) -> list[str]:
    files, broken = len(whole.frames), len(flaws.broken)
    rows = sum(frame.row for frame in whole.frames)
    labels = [(label, sum(frame.label == label for frame in whole.frames)) for label in LABELS]
    return [
        f"""## What it holds
`<class>/<camera>_<number>.<extension>`, and `metadata.csv` with `path`, `camera`, `weather`, `district`.
{files} files: {files - broken} images and {broken} broken files; {rows} rows in `metadata.csv`.
The tables count all files, broken ones included, by class folder.
""",
        _table(["class", "files"], labels),
        _counts(whole.frames, "weather", lambda frame: frame.moment.weather),
        _counts(whole.frames, "district", lambda frame: whole.cameras[frame.camera].district),
        _cameras(whole),
    ]


def _groups(whole: Plan, flaws: Flaws) -> list[str]:
    """The flaws of groups and cameras."""
    weathers = Counter(frame.moment.weather for frame in whole.frames if frame.row)
    column, value, label, share = flaws.confound
    rare_column, rare_value = flaws.rare_group
    return [
        f"""## Planted flaws
### An imbalanced group
`{rare_column}` = `{rare_value}`: {100 * flaws.rare_share:.1f} % of the {weathers.total()} rows.

### A class that hangs on a group
`{column}` = `{value}`: {100 * share:.1f} % of its {weathers[value]} rows are `{label}`.

### A blurred camera
`{flaws.blurred_camera}` is out of focus in all its frames.
"""
    ]


def _files(whole: Plan, flaws: Flaws) -> list[str]:
    """The flaws of single files."""
    done = {frame.path: frame.copy for frame in whole.frames if frame.copy}
    return [
        f"""### Near-duplicates
{len(flaws.near_duplicates)} pairs. The copy bears another camera's name, so that a split by camera can
tear the pair apart; it has its original's class and weather, and its own camera's district.
Frames of one camera in similar light are alike anyway, so a copy may also resemble a few more frames of its
original's camera.
""",
        _table(
            ["original", "copy", "what was done"],
            [(original, copy, done[copy]) for original, copy in flaws.near_duplicates],
        ),
        f"### Wrong labels\n{len(flaws.wrong_labels)} files lie in the wrong class folder.\n",
        _table(["file", "it shows"], sorted(flaws.wrong_labels.items())),
        f"### Broken files\n{len(flaws.broken)} files.\n",
        _table(
            ["file", "what it is", "row in metadata.csv"],
            [
                (path, kind, "no" if path in flaws.broken_without_row else "yes")
                for path, kind in sorted(flaws.broken.items())
            ],
        ),
    ]


def _clock(hour: float) -> str:
    return f"{int(hour):02d}:{round(hour % 1 * 60):02d}"


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(str(cell) for cell in line)} |\n" for line in lines)


def _counts(frames: Sequence[Frame], name: str, key: Callable[[Frame], str]) -> str:
    """A table of files per value and class."""
    counts = Counter((key(frame), frame.label) for frame in frames)
    values = sorted({value for value, _ in counts})
    rows = []
    for value in values:
        each = [counts[value, label] for label in LABELS]
        rows.append((value, *each, sum(each), f"{100 * sum(each) / len(frames):.1f} %"))
    return _table([name, *LABELS, "files", "share"], rows)


def _cameras(whole: Plan) -> str:
    counts = Counter((frame.camera, frame.label) for frame in whole.frames)
    rows = [
        (
            camera.name,
            camera.district,
            f"{camera.width} x {camera.height}",
            camera.quality,
            *(counts[index, label] for label in LABELS),
        )
        for index, camera in enumerate(whole.cameras)
    ]
    return _table(["camera", "district", "pixels", "JPEG quality", *LABELS], rows)
