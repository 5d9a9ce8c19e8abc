"""A model's folder in the form MLflow keeps: never a pickle."""

import platform
import shutil
from importlib.metadata import version
from pathlib import Path

from evenlight.outline import is_network
from evenlight.storage import read_json, write_text

PACKAGES = ("mlflow", "scikit-learn", "skops", "numpy", "pandas")


def stage_model(folder: Path, target: Path) -> None:
    """Lay out the model of `folder` (`models/<dataset>/<model>`) under the new folder `target`.

    All files are copied as they are. Beside a classical model's `model.skops` comes the description that
    makes it an MLflow scikit-learn model, for `mlflow.sklearn.load_model` and `mlflow.pyfunc.load_model`
    (input: the feature columns of `model.json`; a threshold rule needs this package installed). A network
    has no MLflow flavour that keeps safetensors; `evenlight.models.network_artifacts.load_network` reads the folder.

    Raises:
        UserError: `model.json` is missing or damaged.
    """
    target.mkdir(parents=True)
    description = read_json(folder / "model.json")
    network = is_network(description["kind"])
    for name in ("model.safetensors" if network else "model.skops", "model.json"):
        shutil.copyfile(folder / name, target / name)
    if not network:
        _describe_classical(target, len(description["columns"]))


def _describe_classical(target: Path, columns: int) -> None:
    """Write what `mlflow.sklearn.save_model` would, without its import of scikit-learn (8 s with torch)."""
    import numpy as np
    from mlflow.models import Model, ModelSignature
    from mlflow.pyfunc import add_to_model
    from mlflow.types import Schema, TensorSpec

    from evenlight.models.classical_artifacts import trusted_types

    inputs = Schema([TensorSpec(np.dtype(np.float32), (-1, columns))])
    model = Model(signature=ModelSignature(inputs=inputs))
    add_to_model(model, "mlflow.sklearn", model_path="model.skops", python_env="python_env.yaml")
    model.add_flavor(
        "sklearn",
        pickled_model="model.skops",  # MLflow's name for the file, whatever its format
        serialization_format="skops",
        skops_trusted_types=trusted_types(),
        sklearn_version=version("scikit-learn"),
        code=None,
    )
    model.save(str(target / "MLmodel"))
    requirements = [f"{name}=={version(name)}\n" for name in PACKAGES]
    write_text(target / "requirements.txt", "".join(requirements))
    environment = f"python: {platform.python_version()}\ndependencies:\n- -r requirements.txt\n"
    write_text(target / "python_env.yaml", environment)
