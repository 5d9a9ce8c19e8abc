"""The page of one network, `results/<dataset>/<model>/explanations.html`: one file without network and scripts.

`build_explain_page` is pure: facts in, HTML out. `write_explain_page` reads the files that `explain_view` describes.
Definitions and how to read a picture stand in the templates. Every text from data is escaped and made visible.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evenlight import storage
from evenlight.explain.tsne import library
from evenlight.report.explain_view import attributions_view, neighbours_line, sorted_findings, trusted_line
from evenlight.report.hover_map import MOST_POINTS, SHAPES, HoverMap, Sprites, hover_map, sprites
from evenlight.report.inline import Room, chart_uri
from evenlight.report.rendering import environment
from evenlight.sampling import sample

if TYPE_CHECKING:
    import numpy as np

# What keeps the page under 5 MB
_PICTURE_ROOM = 3_300_000  # characters of data URIs
_SPRITE_ROOM = 750_000  # of the images of the maps, which take as much again


@dataclass(frozen=True)
class EmbeddingMap:
    """PCA and t-SNE of images: embeddings/<model>.json, the maps, their images, and the numbers of each point."""

    info: Mapping[str, Any]
    pca: HoverMap
    tsne: HoverMap
    sprites: Sprites
    rows: Sequence[Mapping[str, Any]]

    @property
    def library(self) -> str:
        """That computed t-SNE."""
        return library(self.info["n"])


@dataclass(frozen=True)
class ExplainInputs:
    """Everything the page is made of; `explain_view` says what the facts hold.

    `description` is model.json. `pictures` maps the names of picture files to data URIs, empty where there was no room;
    `dream` and `style` are None where the settings ask for none.
    """

    dataset: str
    description: Mapping[str, Any]
    overview: Mapping[str, Any]
    checks: Sequence[Mapping[str, Any]]
    attributions: Mapping[str, Any]
    layers: Mapping[str, Any]
    neighbours: Mapping[str, Any]
    dream: Mapping[str, Any] | None = None
    style: Mapping[str, Any] | None = None
    embedding: EmbeddingMap | None = None
    pictures: Mapping[str, str] = field(default_factory=dict)


def build_explain_page(inputs: ExplainInputs) -> str:
    """The page as a complete HTML document; equal inputs give an equal text."""
    return (
        environment()
        .get_template("explain.html")
        .render(
            dataset=inputs.dataset,
            model=inputs.description,
            overview=inputs.overview,
            checks=sorted_findings(inputs.checks),
            attributions=attributions_view(inputs.attributions),
            trusted=trusted_line(inputs.attributions),
            layers=inputs.layers,
            neighbours=inputs.neighbours,
            neighbours_line=neighbours_line(inputs.neighbours),
            dream=inputs.dream,
            style=inputs.style,
            embedding=inputs.embedding,
            shapes=SHAPES,
            pictures=inputs.pictures,
        )
    )


def write_explain_page(
    *,
    dataset: str,
    folder: Path,
    description: Mapping[str, Any],
    checks: Path,
    history: Path,
    embedding: Path | None,
    manifest: Path,
    standardized: Path,
    dream: bool,
    style: bool,
    page: Path,
) -> None:
    """Read what explains a network and write its page.

    Args:
        dataset: its name.
        folder: results/<dataset>/<model>/explanations.
        description: model.json.
        checks: checks.json of the model.
        history: history.png of the model.
        embedding: embeddings/<model>.json with the table <model>.parquet beside it, or None without `embed:`.
        manifest: manifest.parquet.
        standardized: folder of the arrays `<shard>.npy`.
        dream, style: whether the settings ask for them; a file may be left from earlier ones.
        page: where to write.

    Raises:
        UserError: a file is missing or damaged.
    """
    facts = {name: storage.read_json(folder / f"{name}.json") for name in _files(dream, style)}
    color = description["standardize"]["color"]
    inputs = ExplainInputs(
        dataset=dataset,
        description=description,
        checks=storage.read_json(checks),
        embedding=_embedding(embedding, description["classes"], manifest, standardized, color)
        if embedding
        else None,
        pictures=_pictures(folder, facts, history),
        **facts,
    )
    storage.write_text(page, build_explain_page(inputs))


def _files(dream: bool, style: bool) -> list[str]:
    asked = [name for name, wanted in (("dream", dream), ("style", style)) if wanted]
    return ["overview", "attributions", "layers", "neighbours", *asked]


def _pictures(folder: Path, facts: Mapping[str, Any], history: Path) -> dict[str, str]:
    """Pictures by name, as long as there is room; what answers more comes first."""
    room = Room(_PICTURE_ROOM)
    names = ["attributions_chosen"]
    names += ["attributions_wrong"] if facts["attributions"]["rows_wrong"] else []
    names += ["filters", *(Path(one["picture"]).stem for one in facts["layers"]["maps"]), "neighbours"]
    names += ["neighbours_wrong"] if facts["neighbours"]["wrong_shown"] else []
    names += [*(["classes", "dream"] if "dream" in facts else []), *(["style"] if "style" in facts else [])]
    names += [Path(patch["picture"]).stem for patch in facts["layers"]["patches"]]
    found = {"history": room.take(chart_uri(history))}
    return found | {name: room.take(chart_uri(folder / f"{name}.png", photos=True)) for name in names}


def _embedding(
    path: Path, classes: Sequence[str], manifest: Path, standardized: Path, color: str
) -> EmbeddingMap:
    """Maps of at most 1,500 points; a seeded sample where there are more."""
    table = storage.read_table(path.with_suffix(".parquet"))
    table = table.iloc[sample(len(table), MOST_POINTS, 0)].reset_index(drop=True)
    labels, splits, paths = (table[name].tolist() for name in ("label", "split", "path"))
    pca, tsne = (
        hover_map(table[[f"{kind}_x", f"{kind}_y"]].to_numpy(dtype=float), labels, splits, paths, classes)
        for kind in ("pca", "tsne")
    )
    images = _images(paths, manifest, standardized, color)
    return EmbeddingMap(
        storage.read_json(path), pca, tsne, sprites(images, _SPRITE_ROOM), table.to_dict("records")
    )


def _images(paths: Sequence[str], manifest: Path, standardized: Path, color: str) -> "list[np.ndarray]":
    """Standardized images at these paths, RGB uint8 (H, W, 3)."""
    from evenlight.standardize import to_rgb

    table = storage.read_table(manifest, ["path", "shard", "row"]).set_index("path").loc[list(paths)]
    arrays = {
        shard: storage.read_array(standardized / f"{shard}.npy") for shard in sorted(set(table["shard"]))
    }
    places = zip(table["shard"], table["row"], strict=True)
    return [to_rgb(arrays[shard][row][None], color)[0] for shard, row in places]
