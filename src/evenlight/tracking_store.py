"""Sending one pipeline result to MLflow so that the same content is there once, whatever happened before.

A run is found again by its content hash (tag `evenlight.run_sha`). A run that was created but never
finished was cut off by a crash: it is deleted and made again.
"""

import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from evenlight.storage import file_sha256
from evenlight.tracking_content import RunContent, sha_of
from evenlight.tracking_model import stage_model
from evenlight.tracking_views import experiment_tags

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

BATCH = 100  # MLflow takes 100 params and 1,000 numbers in one request
RUN_SHA, RESULT_SHA = "evenlight.run_sha", "evenlight.result_sha"
SLOT, LEVEL, CURRENT, PAGE_SHA = (
    "evenlight.slot",
    "evenlight.level",
    "evenlight.current",
    "evenlight.page_sha",
)
PARENT = "mlflow.parentRunId"


def find_experiment(client: "MlflowClient", dataset: str, artifact_location: str | None) -> str:
    """Id of the experiment `evenlight/<dataset>`, made or restored if need be, with its views and note."""
    name = f"evenlight/{dataset}"
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        experiment = client.get_experiment(client.create_experiment(name, artifact_location))
    elif experiment.lifecycle_stage == "deleted":
        client.restore_experiment(experiment.experiment_id)
    for key, value in experiment_tags(dataset, experiment.creation_time or 0).items():
        if experiment.tags.get(key) != value:
            client.set_experiment_tag(experiment.experiment_id, key, value)
    return experiment.experiment_id


def send_result(
    client: "MlflowClient",
    experiment_id: str,
    parent: RunContent,
    children: Mapping[str, RunContent],
    common_tags: Mapping[str, str],
    page: Path,
) -> tuple[str, dict[str, str]]:
    """Make sure that `parent` and its `children` (by model) are finished runs, and the only current ones.

    Returns:
        The parent's run id and the children's, by model.
    """
    known = _finished_runs(client, experiment_id, parent.sha)
    parent_run = known.get(parent.sha)
    parent_id = (
        parent_run.info.run_id if parent_run else _create(client, experiment_id, parent, parent, common_tags)
    )
    ids = {}
    for model, child in children.items():
        run = known.get(_child_sha(parent, child))
        if run is None:
            ids[model] = _create(client, experiment_id, child, parent, {**common_tags, PARENT: parent_id})
            _fill(client, ids[model], child)
            client.set_terminated(ids[model])
            continue
        ids[model] = run.info.run_id
        if run.data.tags.get(PARENT) != parent_id:  # its first parent was cut off by a crash
            client.set_tag(ids[model], PARENT, parent_id)
    _send_page(client, parent_id, page, parent_run)
    _mark_current(client, experiment_id, {parent_id, *ids.values()})
    if parent_run is None:
        _fill(client, parent_id, parent)
        client.set_terminated(parent_id)
    return parent_id, ids


def _child_sha(parent: RunContent, child: RunContent) -> str:
    """A child belongs to one result: an unchanged model of a changed result is a new run of equal content."""
    return sha_of(parent.sha, child.slot, child.sha)


def _finished_runs(client: "MlflowClient", experiment_id: str, result_sha: str) -> dict[str, "Run"]:
    """Finished runs of this result by their sha; whatever else claims to be of it is deleted."""
    found: dict[str, Run] = {}
    for run in _search(client, experiment_id, f"tags.`{RESULT_SHA}` = '{result_sha}'"):
        sha = run.data.tags.get(RUN_SHA, "")
        if run.info.status == "FINISHED" and sha not in found:
            found[sha] = run
        else:
            client.delete_run(run.info.run_id)
    return found


def _search(client: "MlflowClient", experiment_id: str, condition: str) -> list["Run"]:
    runs: list[Run] = []
    token = None
    while True:
        page = client.search_runs([experiment_id], condition, order_by=["start_time ASC"], page_token=token)
        runs += page
        token = page.token
        if not token:
            return runs


def _create(
    client: "MlflowClient",
    experiment_id: str,
    run: RunContent,
    parent: RunContent,
    extra_tags: Mapping[str, str],
) -> str:
    is_parent = run is parent
    tags = {
        **extra_tags,
        **run.tags,
        RUN_SHA: run.sha if is_parent else _child_sha(parent, run),
        RESULT_SHA: parent.sha,
        "evenlight.content_sha": run.sha,
        SLOT: run.slot,
        LEVEL: "result" if is_parent else "model",
        CURRENT: "true",
    }
    return client.create_run(experiment_id, tags=tags, run_name=run.name).info.run_id


def _fill(client: "MlflowClient", run_id: str, content: RunContent) -> None:
    from mlflow.entities import Metric, Param
    from PIL import Image

    now = int(time.time() * 1000)
    metrics = [Metric(item.key, item.value, now, item.step) for item in content.metrics]
    params = [Param(key, value) for key, value in sorted(content.params.items())]
    for batch in _batches(metrics, 10 * BATCH):
        client.log_batch(run_id, metrics=batch)
    for batch in _batches(params, BATCH):
        client.log_batch(run_id, params=batch)
    for name, columns in content.tables.items():
        client.log_table(run_id, columns, f"tables/{name}.json")
    for key, path in content.pictures.items():
        with Image.open(path) as picture:
            client.log_image(run_id, picture.convert("RGB"), key=key, step=0)
    with tempfile.TemporaryDirectory(prefix="evenlight-") as scratch:
        for name, path in content.files.items():
            target = Path(scratch) / "files" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
        client.log_artifacts(run_id, str(Path(scratch) / "files"))
        if content.model:
            stage_model(content.model, Path(scratch) / "model")
            client.log_artifacts(run_id, str(Path(scratch) / "model"), "model")


def _batches(items: Sequence, size: int) -> list:
    return [items[start : start + size] for start in range(0, len(items), size)]


def _send_page(client: "MlflowClient", parent_id: str, page: Path, parent_run: "Run | None") -> None:
    """The report page of this result; a newer page of the same numbers replaces the one in the run."""
    sha = file_sha256(page)
    if parent_run is None or parent_run.data.tags.get(PAGE_SHA) != sha:
        client.log_artifact(parent_id, str(page))
        client.set_tag(parent_id, PAGE_SHA, sha)


def _mark_current(client: "MlflowClient", experiment_id: str, ids: set[str]) -> None:
    """The newest result is current and nothing else, so that the saved views show each model once."""
    current = {run.info.run_id for run in _search(client, experiment_id, f"tags.`{CURRENT}` = 'true'")}
    for run_id in sorted(current - ids):
        client.set_tag(run_id, CURRENT, "false")
    for run_id in sorted(ids - current):
        client.set_tag(run_id, CURRENT, "true")
