"""Stage `embed`: PCA and t-SNE pictures of a feature table or of a network's last layer."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from evenlight.dataset import load_features, load_images, usable_rows
from evenlight.explain.embeddings import Projection, project
from evenlight.report import charts
from evenlight.sampling import sample
from evenlight.storage import read_json, write_bytes, write_json, write_table


def embed_features(
    manifest: Path, classes: Path, features: Path, families: list[str], settings: dict[str, Any], folder: Path
) -> None:
    """Pictures of the joined feature table."""
    rows = _sample(manifest, settings)
    values, columns = load_features(rows, features, families)
    _write(
        "features",
        f"Features: {', '.join(families)}",
        rows,
        read_json(classes),
        values,
        columns,
        settings,
        folder,
    )


def embed_network(
    manifest: Path, classes: Path, images: Path, model: Path, settings: dict[str, Any], folder: Path
) -> None:
    """Pictures of the activations before the network's last linear layer."""
    from evenlight.models.artifacts import load_description
    from evenlight.models.inference import prepare_torch, run_network
    from evenlight.models.network_artifacts import load_network

    rows = _sample(manifest, settings)
    description = load_description(model)
    prepare_torch(description["seed"])
    _, values = run_network(load_network(model), load_images(rows, images))
    columns = [f"last_layer_{number:03d}" for number in range(values.shape[1])]
    name = description["name"]
    title, test = f"Last layer of {name}", (rows["split"] == "test").to_numpy()
    # the network knows the labels of its training images, so only test images say what its features are worth
    asked = test if test.any() else None
    _write(name, title, rows, read_json(classes), values, columns, settings, folder, asked)


def _sample(manifest: Path, settings: dict[str, Any]) -> pd.DataFrame:
    rows = usable_rows(manifest)
    return rows.iloc[sample(len(rows), settings["maximum"], settings["seed"])].reset_index(drop=True)


def _write(
    space: str,
    title: str,
    rows: pd.DataFrame,
    classes: list[str],
    values: np.ndarray,
    columns: list[str],
    settings: dict[str, Any],
    folder: Path,
    asked: np.ndarray | None = None,
) -> None:
    codes = rows["label_index"].to_numpy()
    projection = project(values.astype(np.float64), codes, settings["perplexity"], settings["seed"], asked)
    scored = len(rows) if asked is None else int(asked.sum())
    table = pd.DataFrame({"path": rows["path"], "split": rows["split"], "label": rows["label"]})
    for name, points in (("pca", projection.pca), ("tsne", projection.tsne)):
        table[f"{name}_x"], table[f"{name}_y"] = points[:, 0], points[:, 1]
        subtitle = _subtitle(name, projection, len(rows), scored)
        picture = charts.scatter_picture(
            points[:, 0],
            points[:, 1],
            rows["label"].tolist(),
            rows["split"].tolist(),
            classes,
            f"{title} ({'PCA' if name == 'pca' else 't-SNE'})",
            subtitle,
        )
        write_bytes(folder / f"{space}_{name}.png", picture)
    write_table(folder / f"{space}.parquet", table)
    facts = {
        "space": space,
        "n": len(rows),
        "columns": len(columns),
        "pca_variance": [round(share, 4) for share in projection.pca_variance],
        "trustworthiness": _rounded(projection.trustworthiness),
        "scored": scored,
        "knn_accuracy": _rounded(projection.knn_accuracy),
    }
    write_json(folder / f"{space}.json", facts)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _subtitle(name: str, projection: Projection, count: int, scored: int) -> str:
    if name == "pca":
        first, second = projection.pca_variance
        return f"{count:,} images; the axes hold {first:.0%} and {second:.0%} of the variance"
    if projection.trustworthiness is None:
        return f"{count:,} images, all alike in every column"
    of = f" of {scored:,} test images" if scored < count else ""
    return (
        f"{count:,} images; trustworthiness {projection.trustworthiness:.2f},"
        f" 5-nearest-neighbour accuracy{of} {projection.knn_accuracy:.2f}"
    )
