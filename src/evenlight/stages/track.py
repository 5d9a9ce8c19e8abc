"""Stage `track`: results -> MLflow."""

from pathlib import Path
from typing import Any

from evenlight import tracking


def track(dataset: str, params: dict[str, Any], failed_attempts: int, root: Path, record: Path) -> None:
    """Log one pipeline result; the record says whether it arrived.

    Raises:
        UserError: the server is away and `tracking.required` is true.
    """
    results, models = root / "results" / dataset, root / "models" / dataset
    tracking.track(
        dataset=dataset,
        uri=params["tracking"]["uri"],
        required=params["tracking"]["required"],
        root=root,
        params=params,
        lock_file=root / "requirements.lock",
        manifest=root / "data" / "manifest" / dataset / "manifest.parquet",
        summary=root / "data" / "manifest" / dataset / "summary.json",
        model_folders={name: models / name for name in params["models"]},
        result_folders={name: results / name for name in params["models"]},
        results_folder=results,
        benchmarks=root / "logs" / "benchmarks",
        failed_attempts=failed_attempts,
        record=record,
    )
