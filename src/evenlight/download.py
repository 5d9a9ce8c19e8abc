"""Bring a known public data set into data/raw/: one folder of a git repository, checked file by file.

Only the wanted folder of one commit is transferred (a partial clone; docs/data-versions.md says why not
`dvc import`). The content hashes in checksums/ decide whether what came is right, so it does not matter which
mirror it came from. A data set appears whole or not at all.
"""

import contextlib
import difflib
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from evenlight.errors import UserError
from evenlight.storage import file_sha256

TIME_LIMIT = 1800.0  # seconds for one git command; 29 MB at 16 kB/s


@dataclass(frozen=True)
class Download:
    """Where a data set comes from and what it must contain.

    `commit` is a full or an abbreviated commit id, `folder` a path inside the repository, `checksums` the
    lines of `sha256sum` for every file below the folder (paths relative to it), `note` a sentence on what may
    be done with the files.
    """

    url: str
    commit: str
    folder: str
    checksums: str
    note: str


def _packaged_checksums(name: str) -> str:
    return (resources.files("evenlight") / "checksums" / name).read_text(encoding="utf-8")


KNOWN: Mapping[str, Download] = {
    "day_night": Download(
        url="https://github.com/udacity/CVND_Exercises",
        commit="9f8216c",
        folder="1_1_Image_Representation/day_night_images",
        checksums=_packaged_checksums("day_night.txt"),
        note="The pictures are frames of public webcams: use them here, do not redistribute them.",
    ),
}


def get(name: str, root: Path, url: str | None = None, known: Mapping[str, Download] = KNOWN) -> Path:
    """Bring the data set `name` into `root`/data/raw/`name`, verified, and return that folder.

    A folder that is already there is checked, never changed. `url` replaces the repository's address (a
    mirror, a local clone); the files must match the same content hashes. Prints one line per step.

    Raises:
        UserError: the name is unknown; git is missing, fails or takes too long; the files are not the
            expected ones; the folder is there with other content; the disk can't be written.
    """
    if name not in known:
        raise UserError(_unknown(name, known))
    target = Path(root) / "data" / "raw" / name
    try:
        if os.path.lexists(target):
            _check_present(name, target, known[name])
        else:
            _bring(target, known[name], _address(url or known[name].url))
    except OSError as problem:
        raise UserError(f"{target}: {problem.strerror}; check permissions and space") from None
    return target


def _address(url: str) -> str:
    """A relative path made absolute, as git runs elsewhere; anything else unchanged."""
    return os.path.abspath(url) if os.path.isdir(url) else url


def _check_present(name: str, target: Path, source: Download) -> None:
    wrong = differences(target, source.checksums)
    if wrong:
        raise UserError(
            f"{target} is there already but differs from the published data set: {_first_few(wrong)};"
            f" move it away or delete it, then run `evenlight get {name}` again"
        )
    print(f"{target} is already there and right: nothing to do.")


def _bring(target: Path, source: Download, url: str) -> None:
    shown = re.sub(r"//[^/@]*@", "//", url)  # no password on the screen or in a log
    print(f"Getting {target.name} from {shown}, folder {source.folder}, commit {source.commit}.")
    print(source.note)
    with _temporary_sibling(target) as temporary:
        files = temporary / "files"
        files.mkdir()
        _fetch_folder(url, source, temporary / "git", files)
        print("Checking every file against its content hash.")
        wrong = differences(files, source.checksums)
        if wrong:
            raise UserError(
                f"{shown}: what came is not the published data set: {_first_few(wrong)}; nothing was kept,"
                " try again or give another address with --url"
            )
        for path in _files_below(files):
            (files / path).chmod(0o644)  # git keeps an executable bit that pictures should not have
        os.rename(files, target)
    print(f"{target}: {len(_parse(source.checksums))} files, all right.")


def differences(folder: Path, checksums: str) -> list[str]:
    """Compare the files below `folder` with `sha256sum` lines.

    Returns one phrase per missing, extra or differing file, in path order; an empty list when all is right.
    """
    expected = _parse(checksums)
    found = _files_below(folder)
    wrong = []
    for path in sorted(expected.keys() | found):
        if path not in found:
            wrong.append(f"{path} is missing")
        elif path not in expected:
            wrong.append(f"{path} does not belong to it")
        elif not (folder / path).is_file() or file_sha256(folder / path) != expected[path]:
            wrong.append(f"{path} has other content")
    return wrong


def _parse(checksums: str) -> dict[str, str]:
    pairs = (line.split("  ", 1) for line in checksums.splitlines())
    return {path: digest for digest, path in pairs}


def _files_below(folder: Path) -> set[str]:
    return {
        (Path(parent) / file).relative_to(folder).as_posix()
        for parent, _, files in os.walk(folder)
        for file in files
    }


def _unknown(name: str, known: Mapping[str, Download]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"{name!r} is no known data set; {hint}known: {', '.join(sorted(known))}"


def _first_few(wrong: list[str], count: int = 3) -> str:
    more = f" and {len(wrong) - count} more" if len(wrong) > count else ""
    return ", ".join(ascii(phrase)[1:-1] for phrase in wrong[:count]) + more


@contextlib.contextmanager
def _temporary_sibling(target: Path) -> Iterator[Path]:
    """A temporary folder beside `target`, on the same file system; removed whatever happens."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".tmp.{target.name}."))
    try:
        yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _fetch_folder(url: str, source: Download, git_folder: Path, files: Path) -> None:
    """Write the wanted folder of the wanted commit into `files`, transferring little else."""
    git = _Git(git_folder, files)
    git("init", "--quiet", "--template=")
    git("remote", "add", "--", "origin", url)
    print("Asking the repository for the commit.")
    commit = _fetch_commit(git, source.commit)
    print("Fetching the folder's files.")
    # Reading the folder's tree as the whole work tree is the sparsest checkout there is; git fetches all
    # blobs that are missing for it in one request.
    try:
        git("read-tree", "-m", "-u", f"{commit}:{source.folder}")
    except UserError as problem:
        raise UserError(f"{problem} (folder {source.folder} of commit {commit[:12]})") from None


def _fetch_commit(git: "_Git", wanted: str) -> str:
    """Fetch the wanted commit without file contents and return its full id.

    A server sends a single commit only for its full id. An abbreviated one is completed from the tips of the
    branches, else looked up in the history (commits and folder listings, no contents). A server that can't
    leave out contents ignores that wish and sends them too. A mirror without the commit gives its newest one.
    """
    tips = [line.split("\t")[0] for line in git("ls-remote", "origin", "HEAD", "refs/heads/*").splitlines()]
    if not tips:
        raise UserError("the repository is empty; check the address")
    full = wanted if len(wanted) == 40 else next((tip for tip in tips if tip.startswith(wanted)), None)
    if full is not None:
        with contextlib.suppress(UserError):  # servers may refuse ids that are no tips
            git("fetch", "--quiet", "--no-tags", "--depth=1", "--filter=blob:none", "origin", full)
            return full
    print("The commit can't be asked for alone: fetching the history without the files.")
    git(
        "fetch", "--quiet", "--no-tags", "--filter=blob:none", "origin", "+refs/heads/*:refs/remotes/origin/*"
    )
    with contextlib.suppress(UserError):
        return git("rev-parse", "--verify", wanted + "^{commit}").strip()
    print(f"The repository has no commit {wanted}: taking its newest one, as the content hashes decide.")
    return tips[0]


class _Git:
    """Runs git on one repository, without shell, prompts, hooks, filters or the caller's own repository."""

    OPTIONS = (
        "-c", "protocol.version=2",  # any commit may be asked for, not only tips
        "-c", "http.lowSpeedLimit=1000", "-c", "http.lowSpeedTime=60",  # a stalled transfer ends
        "-c", "core.autocrlf=false", "-c", "core.symlinks=false", "-c", "core.hooksPath=/dev/null",
        "-c", "gc.auto=0", "-c", "maintenance.auto=false",  # nothing may go on working in the folder
    )  # fmt: skip
    REPOSITORY_VARIABLES = (
        "GIT_COMMON_DIR", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_NAMESPACE", "GIT_PREFIX", "GIT_CEILING_DIRECTORIES", "GIT_NO_LAZY_FETCH",
    )  # fmt: skip

    def __init__(self, git_folder: Path, files: Path) -> None:
        self.environment = {k: v for k, v in os.environ.items() if k not in self.REPOSITORY_VARIABLES} | {
            "GIT_DIR": os.path.abspath(git_folder),
            "GIT_WORK_TREE": os.path.abspath(files),
            "GIT_ALLOW_PROTOCOL": "https:file:ssh",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "true",  # answers every question with nothing
            "SSH_ASKPASS_REQUIRE": "never",
            "GCM_INTERACTIVE": "never",
            "GIT_LFS_SKIP_SMUDGE": "1",
            "LC_ALL": "C",
        }

    def __call__(self, *arguments: str) -> str:
        """Run `git <arguments>` and return its standard output.

        Raises:
            UserError: git is missing, fails (with its own reason) or takes too long.
        """
        try:
            process = subprocess.Popen(
                ["git", *self.OPTIONS, *arguments],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                start_new_session=True,  # no terminal to ask on, and git's helpers can be ended with it
            )
        except FileNotFoundError:
            raise UserError("git is not installed; install it and run the command again") from None
        try:
            output, complaints = process.communicate(timeout=TIME_LIMIT)
        except subprocess.TimeoutExpired:
            raise UserError(
                f"`git {arguments[0]}` took longer than {TIME_LIMIT / 60:.0f} minutes and was stopped;"
                " try again on a better connection"
            ) from None
        finally:
            _end_group(process)
        if process.returncode != 0:
            raise UserError(
                f"`git {arguments[0]}` failed: {_reason(complaints)}; check the network and the address, then"
                " try again"
            )
        return output


def _end_group(process: "subprocess.Popen[str]") -> None:
    """End git and its helpers if they still run (time limit, Ctrl-C)."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def _reason(complaints: str) -> str:
    """Git's line that says why: the first `fatal:` or `error:`, else the last; printable characters only."""
    lines = [line.strip() for line in complaints.splitlines() if line.strip()]
    reasons = [line for line in lines if line.startswith(("fatal:", "error:"))]
    line = reasons[0] if reasons else (lines or ["no reason given"])[-1]
    line = line.removeprefix("fatal:").removeprefix("error:").strip().rstrip(".")
    return "".join(character if character.isprintable() else " " for character in line)
