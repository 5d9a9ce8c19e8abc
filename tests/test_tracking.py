"""MLflow logging: the same result once, half-logged runs mended, dead servers survived.

The store is a real SQLite file, migrated once per session and copied for each test.
"""

import base64
import contextlib
import json
import posixpath
import re
import shutil
import socket
import sqlite3
import threading
import zlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from evenlight import tracking
from evenlight.errors import UserError
from evenlight.storage import write_csv, write_json, write_table
from evenlight.tracking import create_database, resolve_uri, store_problem, track, without_password
from evenlight.tracking_content import (
    Metric,
    benchmark_metrics,
    flatten,
    history_metrics,
    model_metrics,
    prediction_sample,
    safe_name,
)
from evenlight.tracking_views import leaderboard_url

CLASSES = ["<script>", "a/b"]
PARAMS: dict[str, Any] = {
    "dataset": "scenes",
    "datasets": {"scenes": {"source": "camera"}, "other": {"source": "x"}},
    "standardize": {"size": [64, 64]},
    "audit": {"minimum_group": 30},
    "embed": {"features": ["brightness"]},
    "tracking": {"uri": "sqlite:///mlflow.db", "enabled": True, "required": False},
    "models": {"forest": {"kind": "random_forest", "trees": 3}, "cnn": {"kind": "cnn", "epochs": 2}},
}


def estimate(value: float, n: int = 40) -> dict[str, Any]:
    return {"value": value, "low": value - 0.05, "high": value + 0.05, "n": n}


def model_result(model: str, accuracy: float) -> dict[str, Any]:
    numbers = {name: estimate(accuracy) for name in ("accuracy", "balanced_accuracy", "macro_f1", "log_loss")}
    per_class = {
        label: {"n": 20, "recall": estimate(0.5 + index / 4), "precision": estimate(0.5), "f1": None}
        for index, label in enumerate(CLASSES)
    }
    groups = {
        "camera": {
            "north": {"n": 60, "accuracy": estimate(0.7, 60)},
            "south": {"n": 50, "accuracy": estimate(0.95, 50)},
            "tiny": {"n": 3, "accuracy": estimate(0.0, 3)},
        }
    }
    test = {"n": 40, **numbers, "per_class": per_class, "per_group": groups, "confusion": [[20, 0], [0, 20]]}
    return {"model": model, "classes": CLASSES, "splits": {"test": test}, "baseline": 0.5}


class Tree:
    """A small results tree as docs/output.md describes it, and the arguments that log it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.results = root / "results" / "scenes"
        self.record = self.results / "provenance" / "tracking.json"
        self.params = json.loads(json.dumps(PARAMS))
        for model in PARAMS["models"]:
            self.add_model(model, 0.9)
        self.write_summary()
        (root / "requirements.lock").write_text("mlflow==3\n")
        (root / "manifest.parquet").write_bytes(b"manifest")

    def folder(self, model: str) -> Path:
        return self.root / "models" / "scenes" / model

    def add_model(self, model: str, accuracy: float) -> None:
        import pandas as pd

        folder, result = self.folder(model), self.results / model
        write_json(result / "metrics.json", model_result(model, accuracy))
        write_csv(result / "misclassified.csv", ["path", "true_label"], [["x.png", "a/b"]])
        for name in ("confusion", "misclassified"):
            Image.new("RGB", (8, 8), (200, 0, 0)).save(result / f"{name}.png")
        table = pd.DataFrame(
            {
                "path": [f"{i:03d}.png" for i in range(6)],
                "split": ["test"] * 5 + ["train"],
                "true_label": ["a/b"] * 6,
                "predicted_label": ["a/b", "<script>", "a/b", "<script>", "a/b", "a/b"],
                "score_<script>": [0.1, 0.6, 0.2, 0.9, 0.3, 0.1],
                "score_a/b": [0.9, 0.4, 0.8, 0.1, 0.7, 0.9],
            }
        )
        write_table(folder / "predictions.parquet", table)
        if model == "cnn":
            (folder / "model.safetensors").write_bytes(b"weights")
            write_json(
                folder / "model.json",
                {"name": model, "kind": "cnn", "columns": None, "versions": {"torch": "2"}},
            )
            rows = [[1, 0.9, 0.8], [2, 0.5, 0.6]]
            write_csv(folder / "history.csv", ["epoch", "train_loss", "validation_loss"], rows)
        else:
            save_forest(folder)

    def write_summary(self) -> None:
        board = {model: {"accuracy": 0.9, "validation_accuracy": 0.9} for model in self.params["models"]}
        write_json(self.results / "metrics.json", board)
        write_csv(self.results / "leaderboard.csv", ["model", "accuracy"], [[m, 0.9] for m in board])
        write_json(self.results / "best.json", {"model": "cnn", "network": "cnn"})
        write_json(self.results / "summary.json", {"found": 7, "used": 6, "quarantined": 1})
        (self.results / "index.html").write_text("<h1>report</h1>")
        write_json(self.results / "embeddings" / "features.json", {"space": "features"})
        Image.new("RGB", (8, 8)).save(self.results / "embeddings" / "features_tsne.png")

    def track(
        self, uri: str = "sqlite:///mlflow.db", required: bool = False, failed: int = 0
    ) -> dict[str, Any]:
        models = list(self.params["models"])
        return track(
            dataset="scenes",
            uri=uri,
            required=required,
            root=self.root,
            params=self.params,
            lock_file=self.root / "requirements.lock",
            manifest=self.root / "manifest.parquet",
            summary=self.results / "summary.json",
            model_folders={model: self.folder(model) for model in models},
            result_folders={model: self.results / model for model in models},
            results_folder=self.results,
            benchmarks=None,
            failed_attempts=failed,
            record=self.record,
        )

    def client(self) -> Any:
        from mlflow import MlflowClient

        return MlflowClient(f"sqlite:///{self.root}/mlflow.db")

    def runs(self, view: int = 1) -> list[Any]:
        """All runs that are not deleted, oldest first (`view` 3: the deleted ones too)."""
        client = self.client()
        experiment = client.get_experiment_by_name("evenlight/scenes")
        return client.search_runs([experiment.experiment_id], "", view, order_by=["start_time ASC"])


def save_forest(folder: Path) -> None:
    import numpy as np
    from sklearn.ensemble import RandomForestClassifier

    from evenlight.models.classical_artifacts import save_classical

    features = np.array([[0.0], [1.0], [2.0], [3.0]], dtype=np.float32)
    forest = RandomForestClassifier(3, random_state=0).fit(features, ["<script>", "<script>", "a/b", "a/b"])
    card = {"kind": "random_forest", "columns": ["mean"], "versions": {"numpy": "2"}}
    save_classical(folder, forest, card)


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    create_database(path)
    return path


@pytest.fixture
def tree(tmp_path: Path, database: Path, monkeypatch: pytest.MonkeyPatch) -> Tree:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    shutil.copyfile(database, tmp_path / "mlflow.db")
    return Tree(tmp_path)


@pytest.fixture
def server() -> Iterator[Any]:
    """`start(answers)` gives the address of a server that answers 404 so often and then never again."""
    servers, stop = [], threading.Event()

    def start(answers: int, status: int = 404) -> str:
        class Handler(BaseHTTPRequestHandler):
            left = answers

            def do_GET(self) -> None:
                if Handler.left <= 0:
                    stop.wait(60)
                    return
                Handler.left -= 1
                self.send_response(status)
                self.end_headers()

            do_POST = do_GET  # noqa: N815

            def log_message(self, *_: Any) -> None:
                pass

        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_address[1]}"

    yield start
    stop.set()
    for running in servers:
        running.shutdown()
        running.server_close()


def closed_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def by_name(runs: list[Any]) -> dict[str, Any]:
    return {run.info.run_name: run for run in runs}


def artifacts(tree: Tree, run_id: str, folder: str = "") -> list[str]:
    return [entry.path for entry in tree.client().list_artifacts(run_id, folder)]


# one parent, one child per model


def test_one_parent_and_one_child_per_model_and_no_more_on_a_second_call(tree: Tree) -> None:
    first = tree.track(failed=2)
    second = tree.track(failed=2)
    assert first == second == json.loads(tree.record.read_text())
    assert (first["status"], first["failed_attempts"], first["problem"]) == ("logged", 2, None)
    runs = tree.runs()
    assert len(runs) == 3
    parents = {run.info.run_id: run.data.tags.get("mlflow.parentRunId") for run in runs}
    assert parents == {first["parent_run_id"]: None} | dict.fromkeys(
        first["runs"].values(), first["parent_run_id"]
    )
    assert all(run.info.status == "FINISHED" for run in runs)


def test_a_child_holds_params_metrics_pictures_tables_and_a_model_without_pickle(tree: Tree) -> None:
    import mlflow
    import numpy as np

    record = tree.track()
    run = by_name(tree.runs())["forest"]
    assert run.data.params.items() >= {"model": "forest", "model.trees": "3", "data.source": "camera"}.items()
    assert (
        run.data.metrics.items() >= {"acc": 0.9, "acc_low": 0.85, "acc_worst": 0.7, "acc_gap": 0.25}.items()
    )
    assert run.data.tags["worst_group"] == "camera = north"
    assert run.data.tags["lock.sha256"].isalnum()
    run_id = record["runs"]["forest"]
    assert artifacts(tree, run_id, "tables") == ["tables/groups.json", "tables/predictions.json"]
    assert any("confusion" in path for path in artifacts(tree, run_id, "images"))
    model = {Path(path).name for path in artifacts(tree, run_id, "model")}
    assert {"model.skops", "MLmodel", "model.json"} <= model
    assert not any(name.endswith((".pkl", ".pickle")) for name in model)
    folder = next((tree.root / "mlruns").glob(f"*/{run_id}/artifacts/model"))
    assert (folder / "model.skops").read_bytes() == (tree.folder("forest") / "model.skops").read_bytes()
    data = np.array([[0.0], [3.0]], dtype=np.float32)
    assert list(mlflow.sklearn.load_model(str(folder)).predict(data)) == CLASSES
    assert list(mlflow.pyfunc.load_model(str(folder)).predict(data)) == CLASSES


def test_the_parent_holds_the_report_and_a_newer_page_replaces_it_in_the_same_run(tree: Tree) -> None:
    parent = tree.track()["parent_run_id"]
    (tree.results / "index.html").write_text("<h1>newer</h1>")
    assert tree.track()["parent_run_id"] == parent
    page = next((tree.root / "mlruns").glob(f"*/{parent}/artifacts/index.html"))
    assert page.read_text() == "<h1>newer</h1>"
    assert {"requirements.lock", "leaderboard.csv", "embeddings"} <= set(artifacts(tree, parent))


def test_every_epoch_is_a_step(tree: Tree) -> None:
    run_id = tree.track()["runs"]["cnn"]
    points = tree.client().get_metric_history(run_id, "train_loss")
    assert [(point.step, point.value) for point in points] == [(1, 0.9), (2, 0.5)]


def test_changed_numbers_give_new_runs_and_only_the_newest_are_current(tree: Tree) -> None:
    first = tree.track()
    tree.add_model("forest", 0.8)
    second = tree.track()
    assert first["parent_run_id"] != second["parent_run_id"]
    current = {run.info.run_id for run in tree.runs() if run.data.tags["evenlight.current"] == "true"}
    assert current == {second["parent_run_id"], *second["runs"].values()}
    assert len(tree.runs()) == 6

    tree.add_model("forest", 0.9)  # back to the old result: its runs are used again
    assert tree.track() == first
    current = {run.info.run_id for run in tree.runs() if run.data.tags["evenlight.current"] == "true"}
    assert current == {first["parent_run_id"], *first["runs"].values()}
    assert len(tree.runs()) == 6


def test_settings_of_tracking_and_other_datasets_make_no_new_run(tree: Tree) -> None:
    first = tree.track()
    tree.params["tracking"]["required"] = True
    tree.params["datasets"]["third"] = {}
    assert tree.track()["parent_run_id"] == first["parent_run_id"]
    tree.params["models"]["cnn"]["epochs"] = 3
    assert tree.track()["parent_run_id"] != first["parent_run_id"]


def test_members_of_a_sweep_can_be_found_and_compared(tree: Tree) -> None:
    tree.params["sweeps"] = {"trees": {"forest": {"trees": 3}}}
    card = json.loads((tree.folder("forest") / "model.json").read_text())
    write_json(tree.folder("forest") / "model.json", card | {"fit": {"chosen": {"C": 0.1}}})
    entries = [
        {"model": "cnn", "rank": [1, 2], "p": None},
        {"model": "forest", "rank": [1, 2], "p": 0.25},
    ]
    write_json(tree.results / "comparison.json", {"models": entries})
    write_csv(tree.results / "provenance" / "comparison.csv", ["model", "train_seconds"], [["cnn", 5.0]])
    record = tree.track()
    runs = by_name(tree.runs())
    assert (runs["forest"].data.tags["sweep"], "sweep" in runs["cnn"].data.tags) == ("trees", False)
    assert runs["forest"].data.params.items() >= {"model.trees": "3", "chosen.C": "0.1"}.items()
    assert not any(key.startswith("sweeps") for run in runs.values() for key in run.data.params)
    compared = {"rank_low": 1, "rank_high": 2, "mcnemar_p": 0.25}
    assert runs["forest"].data.metrics.items() >= compared.items()
    assert "mcnemar_p" not in runs["cnn"].data.metrics
    assert "tables/comparison.json" in artifacts(tree, record["parent_run_id"], "tables")
    assert "comparison.json" in artifacts(tree, record["parent_run_id"])

    # other numbers of the comparison are another result, other times are not
    write_csv(tree.results / "provenance" / "comparison.csv", ["model", "train_seconds"], [["cnn", 6.0]])
    assert tree.track()["parent_run_id"] == record["parent_run_id"]
    entries[1]["p"] = 0.5
    write_json(tree.results / "comparison.json", {"models": entries})
    tree.track()
    assert by_name(tree.runs())["forest"].data.metrics["mcnemar_p"] == 0.5


def test_a_half_logged_result_is_completed_without_duplicates(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    from evenlight import tracking_store

    def crash(folder: Path, target: Path) -> None:
        if folder.name == "cnn":
            raise SystemExit  # as if killed: after the first child, in the middle of the second
        stage(folder, target)

    stage = tracking_store.stage_model
    monkeypatch.setattr(tracking_store, "stage_model", crash)
    with pytest.raises(SystemExit):
        tree.track()
    left = by_name(tree.runs())
    assert [left["forest"].info.status, left["cnn"].info.status] == ["FINISHED", "RUNNING"]

    monkeypatch.setattr(tracking_store, "stage_model", stage)
    record = tree.track()
    runs = tree.runs()
    assert {run.info.run_id for run in runs} == {record["parent_run_id"], *record["runs"].values()}
    assert all(run.info.status == "FINISHED" for run in runs)
    children = {run.data.tags["mlflow.parentRunId"] for run in runs if "mlflow.parentRunId" in run.data.tags}
    assert children == {record["parent_run_id"]}
    assert record["runs"]["forest"] == left["forest"].info.run_id


def test_a_deleted_experiment_is_restored(tree: Tree) -> None:
    first = tree.track()
    tree.client().delete_experiment(first["experiment_id"])
    assert tree.track()["experiment_id"] == first["experiment_id"]


def test_saved_views_note_and_address(tree: Tree) -> None:
    record = tree.track()
    tags = tree.client().get_experiment(record["experiment_id"]).tags
    assert tags["mlflow.experimentKind"] == "custom_model_development"
    view = json.loads(tags["mlflow.sharedViewState.leaderboard"])
    state = json.loads(zlib.decompress(base64.b64decode(view["state"].removeprefix("deflate;"))))
    assert (view["name"], state["orderByKey"], state["orderByAsc"]) == ("Leaderboard", "metrics.`acc`", False)
    found = tree.client().search_runs([record["experiment_id"]], state["searchFilter"])
    assert {run.info.run_id for run in found} == set(record["runs"].values())
    query = "workflowType=machine_learning&viewStateShareKey=leaderboard"
    assert (
        leaderboard_url(record)
        == f"http://127.0.0.1:5000/#/experiments/{record['experiment_id']}/runs?{query}"
    )
    assert leaderboard_url({**record, "status": "pending"}) is None
    assert leaderboard_url({**record, "uri": "https://ml.example/"}).startswith("https://ml.example/#/exp")


# stores that can't be used


def test_a_dead_server_leaves_the_logging_pending_and_the_next_run_does_it(
    tree: Tree, capsys: pytest.CaptureFixture
) -> None:
    record = tree.track(closed_port(), failed=3)
    assert (record["status"], record["failed_attempts"], record["runs"]) == ("pending", 4, {})
    assert json.loads(tree.record.read_text()) == record
    warning = capsys.readouterr().err
    assert warning.startswith("warning: MLflow logging is pending")
    assert warning.count("\n") == 1
    record = tree.track(failed=4)
    assert (record["status"], record["failed_attempts"]) == ("logged", 4)


@pytest.mark.parametrize(
    ("answers", "status", "words"),
    [
        (0, 404, "no answer within"),
        (1, 500, "the server answers 500"),
        (1, 404, "get-by-name failed"),
        (2, 404, "failed with"),
    ],
)
def test_a_server_that_hangs_fails_or_dies_half_way_leaves_it_pending(
    tree: Tree, server: Any, monkeypatch: pytest.MonkeyPatch, answers: int, status: int, words: str
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "3")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    if answers:  # on a busy machine an answer may take its time
        monkeypatch.setattr(tracking, "PROBE_SECONDS", 30)
    record = tree.track(server(answers, status))
    assert record["status"] == "pending"
    assert words in record["problem"]


def test_required_tracking_fails_and_writes_nothing(tree: Tree) -> None:
    with pytest.raises(UserError, match="start the server"):
        tree.track(closed_port(), required=True)
    assert not tree.record.exists()


def test_a_damaged_or_outdated_database_is_said_at_once(tree: Tree) -> None:
    with contextlib.closing(sqlite3.connect(tree.root / "mlflow.db")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0'")
        connection.commit()
    assert f"mlflow db upgrade sqlite:///{tree.root}/mlflow.db" in tree.track()["problem"]
    (tree.root / "mlflow.db").write_bytes(b"not a database at all" * 100)
    assert "move that file away" in tree.track()["problem"]


def test_a_missing_result_file_is_a_users_error(tree: Tree) -> None:
    (tree.results / "forest" / "metrics.json").unlink()
    with pytest.raises(UserError, match="no such file"):
        tree.track()


def test_passwords_reach_neither_record_nor_screen(tree: Tree, capsys: pytest.CaptureFixture) -> None:
    uri = closed_port().replace("http://", "http://me:secret@")
    assert "secret" not in json.dumps(tree.track(uri)) + capsys.readouterr().err
    assert without_password("https://me:secret@ml.example:5/x") == "https://ml.example:5/x"


# addresses


def test_relative_databases_belong_to_the_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert resolve_uri("sqlite:///mlflow.db", tmp_path) == f"sqlite:///{tmp_path}/mlflow.db"
    checkout = tmp_path / ".dvc" / "tmp" / "exps" / "standalone" / "tmpabc"
    assert resolve_uri("sqlite:///mlflow.db", checkout) == f"sqlite:///{tmp_path}/mlflow.db"
    assert resolve_uri("sqlite:////data/x.db", tmp_path) == "sqlite:////data/x.db"
    assert resolve_uri("http://ml:5000", tmp_path) == "http://ml:5000"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///other.db")
    assert resolve_uri("http://ml:5000", tmp_path) == f"sqlite:///{tmp_path}/other.db"


def test_other_kinds_of_store_are_refused() -> None:
    assert "only sqlite" in str(store_problem("file:///tmp/mlruns"))


# contents


@given(st.text(max_size=70), st.text(max_size=70))
def test_safe_names_are_accepted_by_mlflow_and_never_collide(one: str, other: str) -> None:
    for text in (one, other, safe_name(one)):
        name = f"recall/{safe_name(text)}"
        assert re.fullmatch(r"[/\w.\- ]+", name)
        assert posixpath.normpath(name) == name
        assert len(name) < 100
    assert (safe_name(one) == safe_name(other)) == (one == other)


def test_names_that_look_alike_stay_apart() -> None:
    labels = [
        "a/b",
        "a_b",
        "a:b",
        " a_b",
        "a_b ",
        safe_name("a/b"),
        "..",
        ".",
        "",
        "x" * 99,
        "x" * 98,
        "\N{CAT FACE}",
    ]
    assert len({safe_name(label) for label in labels}) == len(labels)


@pytest.mark.parametrize("label", ["day", "007", "NA", "street lamp", "été", "v1.2"])
def test_ordinary_labels_stay_as_they_are(label: str) -> None:
    assert safe_name(label) == label


def test_labels_that_mlflow_refuses_keep_their_numbers(tree: Tree) -> None:
    record = tree.track()
    metrics = tree.client().get_run(record["runs"]["forest"]).data.metrics
    assert [metrics[f"recall/{safe_name(label)}"] for label in CLASSES] == [0.5, 0.75]


def test_small_groups_are_not_judged() -> None:
    metrics, worst = model_metrics(model_result("m", 0.9), 2)
    assert (worst, Metric("acc_gap", 0.95) in metrics) == ("camera = tiny", True)
    metrics, worst = model_metrics(model_result("m", 0.9), 55)
    assert worst == "camera = north"
    assert not any(metric.key == "acc_gap" for metric in metrics)
    assert Metric("by_camera/tiny", 0.0) in metrics


def test_flatten() -> None:
    assert flatten({"a": {"b": [1, 2], "c": {}}, "d": None, "e": "x"}) == {
        "a.b": "1, 2",
        "a.c": "{}",
        "d": "null",
        "e": "x",
    }


def test_history_skips_empty_and_undefined_cells(tmp_path: Path) -> None:
    (tmp_path / "h.csv").write_text("epoch,train_loss,validation_loss\n0,nan,1.5\n1,0.25,\n")
    expected = [Metric("validation_loss", 1.5, 0), Metric("train_loss", 0.25, 1)]
    assert history_metrics(tmp_path / "h.csv") == expected


def test_benchmark_of_a_training(tmp_path: Path) -> None:
    path = tmp_path / "train_network" / "scenes" / "cnn.tsv"
    path.parent.mkdir(parents=True)
    path.write_text("s\th:m:s\tmax_rss\n12.5\t0:00:12\t-\n")
    assert benchmark_metrics(tmp_path, "scenes", "cnn", network=True) == [Metric("bench/train_seconds", 12.5)]
    assert benchmark_metrics(tmp_path, "other", "cnn", network=True) == []
    assert benchmark_metrics(tmp_path, "scenes", "cnn", network=False) == []
    assert benchmark_metrics(None, "scenes", "cnn", network=True) == []


def test_prediction_sample_shows_the_most_confident_errors_and_the_same_others(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evenlight.tracking_content.TABLE_ROWS", 3)
    monkeypatch.setattr("evenlight.tracking_content.ERROR_ROWS", 1)
    table = prediction_sample(tree.folder("cnn") / "predictions.parquet")
    assert list(table)[:2] == ["path", "predicted_label"]
    assert table["path"] == sorted(table["path"])
    assert len(table["path"]) == 3
    assert table["score"][table["path"].index("003.png")] == 0.9  # the surest error of five test images
    assert "005.png" not in table["path"]  # a training image
