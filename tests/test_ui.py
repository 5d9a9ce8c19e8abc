"""`evenlight ui`: the right command and address, and a sentence when it can't start."""

import contextlib
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from evenlight.errors import UserError
from evenlight.ui import find_experiment_id, serve, server_command

URI = "sqlite:///mlflow.db"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with MLflow's table of experiments in it."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with contextlib.closing(sqlite3.connect(tmp_path / "mlflow.db")) as connection:
        connection.execute(
            "CREATE TABLE experiments (experiment_id INTEGER, name TEXT, lifecycle_stage TEXT)"
        )
        rows = [(0, "Default", "active"), (7, "evenlight/scenes", "active"), (8, "evenlight/old", "deleted")]
        connection.executemany("INSERT INTO experiments VALUES (?, ?, ?)", rows)
        connection.commit()
    return tmp_path


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Commands that would have been started, with their environment; they end with code 0."""
    calls: list[Any] = []

    def start(command: list[str], env: dict[str, str], **_: Any) -> subprocess.Popen:
        calls.append((command, env))
        return Popen([sys.executable, "-c", ""])

    Popen = subprocess.Popen  # noqa: N806 (the class, before it is replaced)
    monkeypatch.setattr("evenlight.ui.subprocess.Popen", start)
    return calls


def test_serves_this_machine_only_and_prints_the_leaderboard(
    root: Path, free_port: int, started: list[Any], capsys: pytest.CaptureFixture
) -> None:
    serve(root, URI, free_port, "scenes")
    (command, environment), output = started[0], capsys.readouterr().out
    assert command == server_command(f"sqlite:///{root}/mlflow.db", free_port)
    assert command[command.index("--host") + 1] == "127.0.0.1"
    assert command[command.index("--allowed-hosts") + 1] == f"localhost:{free_port},127.0.0.1:{free_port}"
    assert environment["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] == "false"
    assert f"http://127.0.0.1:{free_port}/#/experiments/7/runs?" in output
    assert "viewStateShareKey=leaderboard" in output


def test_a_dataset_that_was_never_logged_opens_the_list(
    root: Path, free_port: int, started: list[Any], capsys: pytest.CaptureFixture
) -> None:
    serve(root, URI, free_port, "other")
    assert f"http://127.0.0.1:{free_port}/#/experiments\n" in capsys.readouterr().out
    assert find_experiment_id(root / "mlflow.db", "old") is None
    assert started


def test_a_server_is_not_served_again(
    tmp_path: Path, started: list[Any], capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    serve(tmp_path, "https://me:secret@ml.example", 5000, "scenes")
    output = capsys.readouterr().out
    assert "https://ml.example" in output
    assert "secret" not in output
    assert not started


def test_no_database_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(UserError, match="run `make run` first"):
        serve(tmp_path, URI, 5000, "scenes")


def test_a_busy_port(root: Path, started: list[Any]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(UserError, match=f"port {port} can't be used"):
            serve(root, URI, port, "scenes")
    assert not started


def test_a_damaged_database(root: Path, free_port: int) -> None:
    (root / "mlflow.db").write_bytes(b"nonsense" * 200)
    with pytest.raises(UserError, match="not an MLflow database"):
        serve(root, URI, free_port, "scenes")


def test_a_server_that_fails_is_said(root: Path, free_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "evenlight.ui.server_command", lambda *_: [sys.executable, "-c", "raise SystemExit(3)"]
    )
    with pytest.raises(UserError, match="code 3"):
        serve(root, URI, free_port, "scenes")


def test_ctrl_c_stops_the_server_in_peace(
    root: Path, free_port: int, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture
) -> None:
    sleeper = [sys.executable, "-c", "import time; time.sleep(60)"]
    monkeypatch.setattr("evenlight.ui.server_command", lambda *_: sleeper)
    servers = []

    class Interrupted(subprocess.Popen):
        def wait(self, timeout: float | None = None) -> int:
            servers.append(self)
            if len(servers) == 1:
                raise KeyboardInterrupt
            return super().wait(timeout)

    monkeypatch.setattr("evenlight.ui.subprocess.Popen", Interrupted)
    serve(root, URI, free_port, "scenes")
    output = capfd.readouterr()
    assert output.out.endswith("MLflow stopped\n")
    assert "Traceback" not in output.err
    assert servers[-1].returncode == -15
