"""MLflow: one parent run per pipeline result with one child per model (docs/decisions.md, "Tracking").

Nothing here may spoil a run: the result files are complete before this stage starts. When MLflow can't be
reached, the stage says so in one line, notes that the logging is pending, and the next run does it.
"""

import contextlib
import fcntl
import os
import sqlite3
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from evenlight.errors import UserError
from evenlight.outline import result_settings
from evenlight.storage import atomic_path, file_sha256, write_json
from evenlight.tracking_content import RunContent, model_content, result_content, safe_name

PROBE_SECONDS = 1.5  # a server that doesn't answer a first small request in this time is down
REQUEST_SECONDS = "3"  # then each request may take this long, without a retry: together below 5 s
MLFLOW_ENVIRONMENT = {  # read by mlflow when it is imported; a user's own settings win
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": REQUEST_SECONDS,
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
SQLITE = "sqlite:///"


def tracking_root(root: Path) -> Path:
    """The repository that owns the store: `root`, or above `.dvc` for DVC's temporary checkouts.

    `dvc exp run --temp` works in `.dvc/tmp/exps/...` and deletes it afterwards; a store kept there would be
    lost.
    """
    root = Path(os.path.abspath(root))
    parts = root.parts
    for index in range(len(parts) - 2):
        if parts[index : index + 3] == (".dvc", "tmp", "exps"):
            return Path(*parts[:index])
    return root


def resolve_uri(uri: str, root: Path) -> str:
    """The store's absolute address: `MLFLOW_TRACKING_URI` if set, else `uri`.

    A relative SQLite file belongs to `tracking_root(root)`.
    """
    uri = os.environ.get("MLFLOW_TRACKING_URI") or uri
    if uri.startswith(SQLITE):
        return SQLITE + os.path.normpath(tracking_root(root) / uri.removeprefix(SQLITE))
    return uri


def track(
    dataset: str,
    uri: str,
    required: bool,
    root: Path,
    params: dict[str, Any],
    lock_file: Path,
    manifest: Path,
    summary: Path,
    model_folders: dict[str, Path],
    result_folders: dict[str, Path],
    results_folder: Path,
    benchmarks: Path | None,
    failed_attempts: int,
    record: Path,
) -> dict[str, Any]:
    """Log one pipeline result and write `record` (`tracking.json`), whose content is returned.

    `params` are the resolved settings, `model_folders` and `result_folders` are by model. `failed_attempts`
    comes back one higher when MLflow could not be reached, so that the workflow tries again at the next
    run.

    Raises:
        UserError: a result file is missing or damaged; MLflow can't be reached and `required` is set.
    """
    uri = resolve_uri(uri, root)
    settings = result_settings(params, dataset)
    minimum_group = params["audit"]["minimum_group"]
    children = {
        model: model_content(
            dataset, model, settings, minimum_group, folder, result_folders[model], benchmarks
        )
        for model, folder in model_folders.items()
    }
    parent = result_content(
        dataset, settings, lock_file, manifest, results_folder, summary, children.values()
    )
    tags = {
        **git_tags(root),
        **data_tags(root, dataset),
        "lock.sha256": file_sha256(lock_file),
        "data.sha256": file_sha256(manifest),
        "mlflow.source.name": "evenlight",
        "mlflow.source.type": "LOCAL",
    }
    logged: dict[str, Any] = {"experiment_id": None, "parent_run_id": None, "runs": {}}
    problem = store_problem(uri)
    if problem is None:
        try:
            logged = _send(uri, root, dataset, parent, children, tags, results_folder / "index.html")
        except UserError:
            raise
        except Exception as error:  # a tracker's libraries raise anything, and no run may fail of it
            problem = _sentence(error, uri)
    if problem and required:
        raise UserError(
            f"MLflow at {without_password(uri)} can't log this result: {problem}; start the server, or set "
            "`tracking.required: false` in params.yaml to go on without it"
        )
    if problem:
        print(
            f"warning: MLflow logging is pending ({without_password(uri)}: {problem}); "
            "the results are complete, and the next run logs them",
            file=sys.stderr,
        )
    content = {
        "status": "pending" if problem else "logged",
        "failed_attempts": failed_attempts + 1 if problem else failed_attempts,
        "uri": without_password(uri),
        "experiment": f"evenlight/{dataset}",
        **logged,
        "problem": problem,
    }
    write_json(record, content)
    return content


def git_tags(root: Path) -> dict[str, str]:
    """Commit and whether the working tree differs from it; empty outside a git repository."""
    try:
        commit = _git(root, "rev-parse", "HEAD").strip()
        dirty = "true" if _git(root, "status", "--porcelain").strip() else "false"
    except (OSError, subprocess.SubprocessError):
        return {}
    return {"mlflow.source.git.commit": commit, "git.dirty": dirty}


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout


def data_tags(root: Path, dataset: str) -> dict[str, str]:
    """DVC's md5 of the raw data, when its pointer file is there."""
    import yaml

    for name in (f"{dataset}.dvc", f"{dataset}.tar.dvc"):
        with contextlib.suppress(OSError, yaml.YAMLError, KeyError, TypeError, IndexError):
            pointer = yaml.safe_load((root / "data" / "raw" / name).read_text(encoding="utf-8"))
            return {"data.md5": str(pointer["outs"][0]["md5"])}
    return {}


def store_problem(uri: str) -> str | None:
    """Why the store at `uri` can't be used, in half a sentence; None if it can. Does not import mlflow.

    Takes `PROBE_SECONDS` at most.
    """
    if uri.startswith(SQLITE):
        return _sqlite_problem(Path(uri.removeprefix(SQLITE)))
    if not uri.startswith(("http://", "https://")):
        return "only sqlite:///file.db, http:// and https:// are supported"
    answer: list[str | None] = []
    # in a thread, because a dead name server or an answer that trickles in escapes the socket's time-out
    probe = threading.Thread(target=lambda: answer.append(_http_problem(uri)), daemon=True)
    probe.start()
    probe.join(PROBE_SECONDS)
    return answer[0] if answer else _no_answer()


def _no_answer() -> str:
    return f"no answer within {PROBE_SECONDS} s"


def _http_problem(uri: str) -> str | None:
    # a request that reads the server's own database, so that a broken one is noticed here
    query = "api/2.0/mlflow/experiments/get-by-name?experiment_name=evenlight"
    url = f"{without_password(uri).rstrip('/')}/{query}"
    try:
        with urllib.request.urlopen(url, timeout=PROBE_SECONDS):
            return None
    except urllib.error.HTTPError as error:
        return f"the server answers {error.code}" if error.code >= 500 else None
    except urllib.error.URLError as error:
        if type(error.reason).__name__ == "SSLCertVerificationError":
            return None  # alive; mlflow has its own settings for certificates
        return _no_answer() if isinstance(error.reason, TimeoutError) else str(error.reason)
    except TimeoutError:
        return _no_answer()
    except (OSError, ValueError) as error:
        return str(error)


def _sqlite_problem(database: Path) -> str | None:
    # MLflow itself would retry a damaged file for 100 s
    if not database.exists():
        return None
    try:
        connection = sqlite3.connect(f"file:{quote(str(database))}?mode=rw", timeout=PROBE_SECONDS, uri=True)
        with contextlib.closing(connection):
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError as error:
        return str(error)
    except sqlite3.DatabaseError as error:
        return f"{error}; move that file away, and a new one is made"
    return None


def _send(
    uri: str,
    root: Path,
    dataset: str,
    parent: RunContent,
    children: dict[str, RunContent],
    tags: dict[str, str],
    page: Path,
) -> dict[str, Any]:
    for name, value in MLFLOW_ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    with _only_writer(uri):
        from mlflow import MlflowClient

        from evenlight.tracking_store import find_experiment, send_result

        if uri.startswith(SQLITE):
            create_database(Path(uri.removeprefix(SQLITE)))
        client = MlflowClient(uri)
        experiment_id = find_experiment(client, dataset, _artifact_location(uri, root, dataset))
        parent_id, ids = send_result(client, experiment_id, parent, children, tags, page)
    return {"experiment_id": experiment_id, "parent_run_id": parent_id, "runs": ids}


@contextlib.contextmanager
def _only_writer(uri: str) -> Iterator[None]:
    """One process at a time may look for runs and create them, or make the database, in a local store."""
    if not uri.startswith(SQLITE):
        yield
        return
    database = Path(uri.removeprefix(SQLITE))
    database.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{database}.lock", "a", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def create_database(database: Path) -> None:
    """Make MLflow's SQLite file with all its tables, whole or not at all, unless it is there.

    Takes about 10 s, hence the line on the screen. A file that a killed process left half-made can't be
    repaired.
    """
    if database.exists() and database.stat().st_size > 0:
        return
    print("Creating the MLflow database, once (about 10 seconds)", file=sys.stderr, flush=True)
    from mlflow import MlflowClient

    with atomic_path(database) as temporary:
        MlflowClient(f"{SQLITE}{temporary}").search_experiments(max_results=1)  # makes the tables


def _artifact_location(uri: str, root: Path, dataset: str) -> str | None:
    """Files of a local store lie in `mlruns/` of the repository; a server knows where its own are."""
    return (tracking_root(root) / "mlruns" / safe_name(dataset)).as_uri() if uri.startswith(SQLITE) else None


def without_password(uri: str) -> str:
    """`uri` without user name and password, for people's eyes and files."""
    parts = urlsplit(uri)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl() if "@" in parts.netloc else uri


def _sentence(error: Exception, uri: str) -> str:
    text = " ".join(str(error).split()).replace(uri, without_password(uri))
    if "out-of-date database schema" in text:
        command = f"mlflow db upgrade {without_password(uri)}"
        return f"its tables are of another MLflow version; back it up and run `{command}`"
    return f"{type(error).__name__}: {text[:300]}"
