"""`evenlight ui`: MLflow's web page on the local database, opened at the Leaderboard."""

import contextlib
import os
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

from evenlight.errors import UserError
from evenlight.tracking import SQLITE, resolve_uri, without_password
from evenlight.tracking_views import experiment_url

HOST = "127.0.0.1"


def server_command(uri: str, port: int) -> list[str]:
    """Arguments that start MLflow's server for the local store `uri`, reachable from this machine only."""
    return [
        *(sys.executable, "-m", "mlflow", "server", "--backend-store-uri", uri),
        *("--host", HOST, "--port", str(port), "--workers", "1"),
        *("--allowed-hosts", f"localhost:{port},{HOST}:{port}"),
    ]


def serve(root: Path, uri: str, port: int, dataset: str) -> None:
    """Print where the Leaderboard of `dataset` is and serve it until Ctrl-C.

    A store that is a server already is not served again: only its address is printed.

    Raises:
        UserError: nothing is logged yet; the port is taken; the server does not start.
    """
    uri = resolve_uri(uri, root)
    if uri.startswith(("http://", "https://")):
        print(f"MLflow is at {without_password(uri)} (experiment evenlight/{dataset})")
        return
    if not uri.startswith(SQLITE):
        raise UserError(f"{uri}: only sqlite:///file.db, http:// and https:// are supported as tracking.uri")
    database = Path(uri.removeprefix(SQLITE))
    if not database.exists():
        raise UserError(f"{database}: no MLflow database yet; run `make run` first")
    experiment = find_experiment_id(database, dataset)
    _check_port_is_free(port)
    print(f"MLflow starts in about 10 seconds; stop it with Ctrl-C\n{_address(experiment, port)}", flush=True)
    # without its job runner the server starts four times faster and takes a third of the memory
    environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "DO_NOT_TRACK": "true"}
    # in a session of its own the server does not see Ctrl-C, at which it would print a traceback
    server = subprocess.Popen(server_command(uri, port), env=environment, start_new_session=True)
    try:
        code = server.wait()
    except KeyboardInterrupt:
        server.terminate()
        server.wait()
        print("MLflow stopped")
        return
    if code:
        raise UserError(f"MLflow's server ended with code {code}; its last lines above say why")


def find_experiment_id(database: Path, dataset: str) -> str | None:
    """Id of the experiment `evenlight/<dataset>` in MLflow's SQLite file; None if there is none.

    Read without mlflow, whose import takes seconds.

    Raises:
        UserError: the file is damaged.
    """
    try:
        connection = sqlite3.connect(f"file:{quote(str(database))}?mode=ro", uri=True)
        with contextlib.closing(connection):
            row = connection.execute(
                "SELECT experiment_id FROM experiments WHERE name = ? AND lifecycle_stage = 'active'",
                (f"evenlight/{dataset}",),
            ).fetchone()
    except sqlite3.Error as error:
        raise UserError(
            f"{database}: not an MLflow database ({error}); move it away and run `make run`"
        ) from None
    return str(row[0]) if row else None


def _address(experiment: str | None, port: int) -> str:
    server = f"http://{HOST}:{port}"
    return experiment_url(server, experiment) if experiment else f"{server}/#/experiments"


def _check_port_is_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server does it
        try:
            probe.bind((HOST, port))
        except OSError as problem:
            raise UserError(
                f"port {port} can't be used ({problem.strerror}); stop what runs there, or choose another: "
                "`evenlight ui --port 5001`"
            ) from None
