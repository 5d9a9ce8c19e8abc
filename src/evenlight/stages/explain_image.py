"""`evenlight explain IMAGE --model NAME`: what a trained model says of one picture, and what made it say so."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from evenlight import params
from evenlight.dataset import MappedImages, usable_rows
from evenlight.errors import UserError, did_you_mean
from evenlight.explain.settings import Explain
from evenlight.feature_table import feature_table, learns, needs_model
from evenlight.models.artifacts import DESCRIPTION_FILE, load_description
from evenlight.models.calibration import softmax
from evenlight.one_image import OneImage, read_image
from evenlight.outline import is_network
from evenlight.report.charts import visible_text
from evenlight.report.image_page import ImagePage, build_image_page
from evenlight.report.rendering import likelihood, prose
from evenlight.sampling import sample
from evenlight.standardize import to_rgb
from evenlight.storage import file_sha256, read_array, read_json, write_text

if TYPE_CHECKING:
    from evenlight.models.cnn import Network

_CLASSES = 2  # for which heat maps are drawn: the first, and what it was taken before
_SEARCHED = 5000  # training images that neighbours are looked for in
_NAME_BYTES = (
    100  # of the picture's and of the model's name in that of the page; file systems take 255 for all
)

# standardized images uint8 (N, H, W, C) -> probabilities (N, K)
Probabilities = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class _Run:
    """Where the files of an earlier run lie, and the settings to look with."""

    root: Path
    dataset: str
    name: str
    settings: Mapping[str, Any]

    @property
    def model(self) -> Path:
        return self.root / "models" / self.dataset / self.name

    @property
    def manifest(self) -> Path:
        return self.root / "data" / "manifest" / self.dataset / "manifest.parquet"

    @property
    def images(self) -> Path:
        return self.root / "data" / "standardized" / self.dataset

    @property
    def explain(self) -> Explain:
        return Explain(**(self.settings["explain"] or {}))

    @property
    def features(self) -> dict[str, Any]:
        """Entries of `features:` as the run had them, which `publish` keeps; params.yaml may have changed since."""
        published = self.root / "reports" / self.dataset / "params.json"
        of_run = read_json(published)["features"] if published.exists() else {}
        return {**self.settings["features"], **of_run}


def explain_image(image: Path, name: str, dataset: str | None, root: Path, page: Path | None) -> str:
    """Write a page about one picture.

    Features are computed with the settings of the last finished run, reports/<dataset>/params.json, and with those of
    params.yaml where there is no such file. What to draw (`explain:`) is always asked of params.yaml.

    Args:
        image: any file that the pipeline can read, of the data set or not.
        name: of a trained model.
        dataset: whose models are meant; None for that of params.yaml.
        root: of the repository.
        page: file to write; None for <image>_<model>.html in the current folder, other characters than letters,
            digits and `._-` made `_`.

    Returns:
        What to tell the user: the classes with their probabilities, and where the page is.

    Raises:
        UserError: there is no such model or picture, or the model fits the settings or the data no longer.
    """
    settings = params.check(root / "params.yaml")
    run = _Run(root, dataset or settings["dataset"], name, settings)
    if not (run.model / DESCRIPTION_FILE).exists():
        trained = sorted(file.parent.name for file in run.model.parent.glob(f"*/{DESCRIPTION_FILE}"))
        known = f"there are {', '.join(trained)}" if trained else "run `snakemake --cores 8` first"
        raise UserError(f"{run.dataset} has no trained model {name!r}{did_you_mean(name, trained)}; {known}")
    if image.is_dir():
        raise UserError(f"{image}: is a folder; name one picture")
    description = load_description(run.model)
    # the manifest says which pictures the model knows, and learned features are learned of its pictures
    if description["data_hash"] != file_sha256(run.manifest):
        raise UserError(
            f"{run.model}: trained on another state of the data than {run.manifest}; run `snakemake --cores 8`"
        )
    seen = read_image(image, description)
    network = _load(run, description) if is_network(description["kind"]) else None
    probabilities = _network(network, description) if network else _classical(run, description, seen.facts)
    shares = probabilities(seen.pixels[None])[0]
    order = np.argsort(-shares, kind="stable")
    ranked = [(description["classes"][code], float(shares[code])) for code in order]
    color = description["standardize"]["color"]
    picture = to_rgb(seen.pixels[None], color)
    found = ImagePage(
        image=image.name,
        model=name,
        kind=description["kind"],
        dataset=run.dataset,
        ranked=ranked,
        picture=picture[0],
        known=_known(run, seen),
        **_maps(run, description, seen, probabilities, picture, ranked, order[:_CLASSES], network),
        maps=_feature_maps(run, network, seen, picture) if network else b"",
        neighbours=_neighbours(run, network, seen, ranked[0][0], color) if network else b"",
    )
    target = page or Path(f"{_plain(image.stem)}_{_plain(name)}.html")
    write_text(target, build_image_page(found))
    said = ", ".join(f"{visible_text(label)} {likelihood(share)}" for label, share in ranked[:3])
    known = prose(found.known or "The picture is none of the data set.")
    return f"{visible_text(name)} says: {said}\n{known}\nOpen {visible_text(str(target))}"


def _plain(name: str) -> str:
    """A part of a file name that any shell and file system takes, and that no file manager hides."""
    safe = re.sub(r"[^\w.-]+", "_", name).encode()[:_NAME_BYTES].decode(errors="ignore")
    return safe.lstrip(".-") or "picture"


def _load(run: _Run, description: Mapping[str, Any]) -> "Network":
    from evenlight.models.inference import prepare_torch
    from evenlight.models.network_artifacts import load_network

    prepare_torch(description["seed"])
    return load_network(run.model)


def _network(network: "Network", description: Mapping[str, Any]) -> Probabilities:
    from evenlight.models.inference import network_logits

    temperature = description["fit"].get("temperature", 1.0)
    return lambda images: softmax(network_logits(network, images) / temperature)


def _classical(run: _Run, description: Mapping[str, Any], facts: Mapping[str, Any]) -> Probabilities:
    """Of a model on features, which are computed as in the run; of one on file data, always those of the file."""
    from evenlight.models.classical import raw_scores
    from evenlight.models.classical_artifacts import load_classical

    estimator, fit = load_classical(run.model), description["fit"]

    def probabilities(images: np.ndarray) -> np.ndarray:
        if file_data := description["options"].get("file_data"):
            values = np.array([[facts[column] for column in file_data]] * len(images), dtype=np.float32)
        else:
            values = _features(run, description, images)
        return softmax(
            raw_scores(estimator, values, len(description["classes"])) / fit.get("temperature", 1.0)
        )

    return probabilities


def _features(run: _Run, description: Mapping[str, Any], images: np.ndarray) -> np.ndarray:
    """The columns that a model was trained on, float32 (N, D); none for one that looks at no picture."""
    import pandas as pd

    if not description["families"]:
        return np.empty((len(images), 0), dtype=np.float32)
    rgb = to_rgb(images, description["standardize"]["color"])
    paths = [str(number) for number in range(len(images))]
    tables = []
    for family in description["families"]:
        options = run.features.get(family)
        if options is None:
            raise UserError(
                f"params.yaml: {run.name} was trained on {family!r}, which is no longer under `features`;"
                " put it back, or run `snakemake --cores 8`"
            )
        learned = run.root / "data" / "features" / run.dataset / family / "learned.npy"
        looking = needs_model(family, options)
        tables.append(
            feature_table(
                family,
                images if looking else rgb,
                paths,
                options,
                np.array(read_array(learned)) if learns(family, options) else None,
                _looked_through(run, options["model"], description) if looking else None,
            ).drop(columns="path")
        )
    table = pd.concat(tables, axis=1)
    missing = [column for column in description["columns"] if column not in table]
    if missing:
        raise UserError(
            f"the `features` of the last run do not make {missing[0]!r}, which {run.name} was trained on;"
            " run `snakemake --cores 8` to train it again"
        )
    return table[description["columns"]].to_numpy(dtype=np.float32)


def _looked_through(run: _Run, name: str, description: Mapping[str, Any]) -> Path:
    """The folder of the network that an entry of `features:` looks through; trained again, it gives other features."""
    folder = run.model.parent / name
    if load_description(folder)["data_hash"] != description["data_hash"]:
        raise UserError(
            f"{folder}: trained on another state of the data than {run.name}, which looks through it;"
            " run `snakemake --cores 8`"
        )
    return folder


def _known(run: _Run, seen: OneImage) -> str:
    """A sentence where the very picture is in the data set; a model knows its training images by heart."""
    rows = usable_rows(run.manifest)
    same = rows[rows["content_hash"] == seen.facts["content_hash"]]
    if same.empty:
        return ""
    row = same.iloc[0]
    heart = ": the model has seen it with its label" if row["split"] == "train" else ""
    split = "training" if row["split"] == "train" else row["split"]
    return f"The picture is {row['path']!r} of the {split} images, labelled {row['label']!r}{heart}."


def _maps(
    run: _Run,
    description: Mapping[str, Any],
    seen: OneImage,
    probabilities: Probabilities,
    picture: np.ndarray,
    ranked: list[tuple[str, float]],
    codes: np.ndarray,
    network: "Network | None",
) -> dict[str, Any]:
    """The sheet of heat maps for the first classes, and what its methods mean."""
    from evenlight.explain.attribution_checks import baseline_maps
    from evenlight.explain.heat_maps import attribution_sheet
    from evenlight.explain.occlusion import occlusion_maps

    if network:
        maps, meanings = _attributions(run, network, seen, codes)
    elif description["families"]:
        every = occlusion_maps(probabilities, seen.pixels, run.explain.window)
        maps = {"occlusion": every[codes]}
        meanings = [
            (
                "Occlusion",
                "How much the probability of the class falls when a window of the image's mean colour hides the pixel,"
                " the mean over all windows that do (Evenlight).",
            )
        ]
    else:  # it has not looked at the picture
        return {"sheet": b"", "methods": []}
    pictures = np.repeat(picture, len(codes), axis=0)
    sheet = attribution_sheet(
        pictures,
        maps,
        baseline_maps(pictures, run.explain.seed),
        [f"for {label}\n{likelihood(share)}" for label, share in ranked[: len(codes)]],
        _verdicts(run),
        "What speaks for and against",
    )
    return {"sheet": sheet, "methods": meanings}


def _attributions(
    run: _Run, network: "Network", seen: OneImage, codes: np.ndarray
) -> tuple[dict[str, np.ndarray], list[tuple[str, str]]]:
    from evenlight.explain.attribution import METHODS, attribute
    from evenlight.models.inference import to_tensor

    settings = run.explain
    images = to_tensor(np.repeat(seen.pixels[None], len(codes), axis=0))
    maps = {name: attribute(network, images, codes, name, settings) for name in settings.methods}
    return maps, [(METHODS[name].title, f"{METHODS[name].caption} {METHODS[name].sanity}") for name in maps]


def _verdicts(run: _Run) -> dict[str, str]:
    """What the checks of the run said of each method; nothing where there were none."""
    file = run.root / "results" / run.dataset / run.name / "explanations" / "attributions.json"
    if not file.exists():
        return {}
    words = {True: "depends on weights", False: "ignores weights", None: "not judged"}
    return {method["name"]: words[method["passes"]] for method in read_json(file)["methods"]}


def _feature_maps(run: _Run, network: "Network", seen: OneImage, picture: np.ndarray) -> bytes:
    """What the last layer with maps makes of the picture; empty for a network without convolutions."""
    from evenlight.explain.inside_pictures import maps_picture
    from evenlight.explain.layers import convolution_layers, feature_maps

    height, width, channels = seen.pixels.shape
    layers = convolution_layers(network, (height, width, channels))
    if not layers:
        return b""
    last = layers[-1].name
    maps = feature_maps(network, seen.pixels[None], [last])[last]
    return maps_picture(maps, picture, [""], f"Feature maps of {last}, the last layer", run.explain.channels)


def _neighbours(run: _Run, network: "Network", seen: OneImage, predicted: str, color: str) -> bytes:
    """The nearest training images by pixels and by the network's features."""
    from evenlight.explain.inside_pictures import Neighbours, neighbours_picture
    from evenlight.explain.neighbours import directions, nearest
    from evenlight.models.inference import run_network

    rows = usable_rows(run.manifest)
    rows = rows[rows["split"] == "train"]
    rows = rows.iloc[sample(len(rows), _SEARCHED, run.explain.seed)]
    images = MappedImages(rows, run.images)
    features = [directions(run_network(network, some)[1]) for some in (seen.pixels[None], images)]
    count = run.explain.neighbours
    spaces = (nearest(seen.pixels[None], images, count)[0], nearest(features[0], features[1], count)[0])
    labels = rows["label"].to_numpy()
    by_pixels, by_features = (
        list(zip(to_rgb(images[near], color), labels[near], strict=True)) for near in spaces
    )
    one = Neighbours(to_rgb(seen.pixels[None], color)[0], predicted, "predicted", by_pixels, by_features)
    return neighbours_picture([one], "Nearest training images", "")
