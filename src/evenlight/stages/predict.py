"""Stage `predict`: a model's scores for every usable image of every split."""

from pathlib import Path

import numpy as np
import pandas as pd

from evenlight.dataset import load_images, model_values, shard_places, usable_rows
from evenlight.errors import UserError
from evenlight.models import artifacts
from evenlight.models.calibration import softmax
from evenlight.outline import is_network
from evenlight.storage import file_sha256, write_table


def predict(model: Path, manifest: Path, features: Path, images: Path, table: Path) -> None:
    """Write predictions.parquet, shard by shard.

    Raises:
        UserError: the model was trained on another state of the data, or on other features.
    """
    description = artifacts.load_description(model)
    if description["data_hash"] != file_sha256(manifest):
        raise UserError(
            f"{model}: trained on another state of the data than {manifest}; run `snakemake --cores 8`"
        )
    rows = usable_rows(manifest)
    classes = description["classes"]
    scores = np.empty((len(rows), len(classes)), dtype=np.float32)
    temperature = description["fit"].get("temperature", 1.0)
    if is_network(description["kind"]):
        from evenlight.models.inference import network_logits, prepare_torch
        from evenlight.models.network_artifacts import load_network

        prepare_torch(description["seed"])
        network = load_network(model)
        for here in shard_places(rows):
            logits = network_logits(network, load_images(rows.iloc[here], images))
            scores[here] = softmax(logits / temperature)
    else:
        from evenlight.models.classical import raw_scores
        from evenlight.models.classical_artifacts import load_classical

        estimator = load_classical(model)
        for here in shard_places(rows):
            values, _ = model_values(
                rows.iloc[here],
                description["options"],
                features,
                description["families"],
                description["columns"],
            )
            raw = raw_scores(estimator, values, len(classes))
            scores[here] = softmax(raw / temperature)
    write_table(table, _prediction_table(rows, classes, scores))


def _prediction_table(rows: pd.DataFrame, classes: list[str], scores: np.ndarray) -> pd.DataFrame:
    predicted = pd.Series(np.array(classes, dtype=object)[scores.argmax(axis=1)], dtype="str")
    columns = {
        "path": rows["path"],
        "split": rows["split"],
        "true_label": rows["label"],
        "predicted_label": predicted,
    }
    return pd.DataFrame(columns | {f"score_{name}": scores[:, code] for code, name in enumerate(classes)})
