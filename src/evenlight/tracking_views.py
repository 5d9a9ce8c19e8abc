"""What makes MLflow's web page useful at first sight: saved views, a note, and the address that opens them.

Saved views of runs are experiment tags of MLflow's own page (`mlflow.sharedViewState.<id>`), undocumented:
measured with 3.17 and pinned by `mlflow<4`. Without them the runs table shows no number at all.
"""

import base64
import json
import zlib
from collections.abc import Mapping
from typing import Any

LEADERBOARD = "leaderboard"
_COLUMNS = [
    *("params.`model`", "metrics.`acc`", "metrics.`acc_low`", "metrics.`acc_high`", "metrics.`acc_bal`"),
    *("metrics.`f1_macro`", "metrics.`log_loss`", "metrics.`rank_low`", "metrics.`rank_high`"),
    *("metrics.`mcnemar_p`", "tags.`sweep`"),
]
_FAIRNESS_COLUMNS = [
    *("params.`model`", "metrics.`acc_worst`", "metrics.`acc_gap`", "tags.`worst_group`"),
    *("metrics.`acc`", "metrics.`n_test`"),
]
# the page wants names of tags with a dot in backquotes
CURRENT_MODELS = "tags.`evenlight.current` = 'true' AND tags.`evenlight.level` = 'model'"
_NOTE = """Image classifiers of the data set `{dataset}`, logged by Evenlight.

Each pipeline result is a **parent run** with one **child run per model**. Saved views: *Leaderboard* (best
test accuracy first) and *Fairness* (worst group first) show the newest result; remove their search filter
to see older ones. Models of one sweep share the tag `sweep`: group by it, or search ``tags.`sweep` = 'name'``.

| column | meaning, on the test split |
|---|---|
| `acc`, `acc_low`, `acc_high` | accuracy and its 95 % interval |
| `acc_bal`, `f1_macro`, `log_loss` | balanced accuracy, mean F1 of the classes, log loss |
| `acc_worst`, `acc_gap` | accuracy of the worst group, largest gap inside one grouping (of large groups) |
| `rank_low`, `rank_high` | ranks of the model's group: better than the chosen model, tied with it, worse |
| `mcnemar_p` | chance of such a difference to the model chosen on validation by luck, adjusted for all models |
| `recall/<class>`, `by_<group>/<value>` | recall per class, accuracy per group |
"""


def experiment_tags(dataset: str, created_ms: int) -> dict[str, str]:
    """Tags of an experiment: its kind, its note and two saved views dated `created_ms` (ms since 1970)."""
    return {
        "mlflow.experimentKind": "custom_model_development",
        "mlflow.note.content": _NOTE.format(dataset=dataset),
        f"mlflow.sharedViewState.{LEADERBOARD}": _view(
            "Leaderboard", _COLUMNS, "metrics.`acc`", False, created_ms
        ),
        "mlflow.sharedViewState.fairness": _view(
            "Fairness (worst group first)", _FAIRNESS_COLUMNS, "metrics.`acc_worst`", True, created_ms
        ),
    }


def _view(name: str, columns: list[str], order: str, ascending: bool, created_ms: int) -> str:
    state = {
        "selectedColumns": columns,
        "orderByKey": order,
        "orderByAsc": ascending,
        "searchFilter": CURRENT_MODELS,
    }
    packed = base64.b64encode(zlib.compress(json.dumps(state).encode("utf-8"))).decode("ascii")
    return json.dumps({"name": name, "createdAt": created_ms, "state": f"deflate;{packed}"})


def experiment_url(server: str, experiment_id: str) -> str:
    """Address of the Leaderboard view on the MLflow server at `server` (`http://127.0.0.1:5000`)."""
    query = f"workflowType=machine_learning&viewStateShareKey={LEADERBOARD}"
    return f"{server.rstrip('/')}/#/experiments/{experiment_id}/runs?{query}"


def leaderboard_url(record: Mapping[str, Any], port: int = 5000) -> str | None:
    """Address of the Leaderboard from the content of `tracking.json`; None while nothing is logged.

    A database file has the address that `evenlight ui` gives it on this machine.
    """
    if record.get("status") != "logged":
        return None
    uri = record["uri"]
    server = uri if uri.startswith(("http://", "https://")) else f"http://127.0.0.1:{port}"
    return experiment_url(server, record["experiment_id"])
