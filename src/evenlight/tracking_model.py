"""A model's folder in the form MLflow keeps: never a pickle."""

import shutil
from importlib.metadata import version
from pathlib import Path

from evenlight.storage import read_json


def stage_model(folder: Path, target: Path) -> None:
    """Lay out the model of `folder` (`models/<dataset>/<model>`) under the new folder `target`.

    A classical model becomes an MLflow scikit-learn model in skops format, so that
    `mlflow.sklearn.load_model` and `mlflow.pyfunc.load_model` work on it; the types it may load come from
    `TRUSTED_TYPES`, not from the file. A network has no pickle-free MLflow flavour that keeps our files:
    they are copied as they are. `model.json` is always beside it.

    Raises:
        UserError: a file of the model is missing or damaged.
    """
    if (folder / "model.safetensors").exists():
        target.mkdir(parents=True)
        shutil.copyfile(folder / "model.safetensors", target / "model.safetensors")
    else:
        _save_classical(folder, target)
    shutil.copyfile(folder / "model.json", target / "model.json")


def _save_classical(folder: Path, target: Path) -> None:
    import mlflow.sklearn
    import numpy as np
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    from evenlight.models.artifacts import TRUSTED_TYPES, load_classical

    columns = read_json(folder / "model.json")["columns"]
    estimator = load_classical(folder)
    mlflow.sklearn.save_model(
        estimator,
        str(target),
        serialization_format="skops",
        skops_trusted_types=TRUSTED_TYPES,
        # pinned by hand: letting MLflow find them costs 20 s per model
        pip_requirements=[
            f"{name}=={version(name)}" for name in ("scikit-learn", "skops", "numpy", "pandas")
        ],
        signature=ModelSignature(
            inputs=Schema([TensorSpec(np.dtype(np.float32), (-1, len(columns)))]),
            outputs=Schema([TensorSpec(np.asarray(estimator.classes_).dtype, (-1,))]),
        ),
    )
