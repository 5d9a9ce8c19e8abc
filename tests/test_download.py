"""`evenlight get`, against git repositories made in the test's own folder."""

import hashlib
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from evenlight import download
from evenlight.errors import UserError

FOLDER = "lesson 1/day_night_images"
PICTURES = {
    "training/day/a.jpg": b"\xff\xd8 a sunny street \r\n",
    "training/night/b.jpg": b"\xff\xd8 a dark street \n",
    "test/day/it's c.jpg": b"\xff\xd8 a cloudy street",
}


def git(repository: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=repository, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def commit(repository: Path, files: dict[str, bytes]) -> str:
    """Commit exactly `files` (below FOLDER) and a large stranger outside it; return the full id."""
    git(repository, "rm", "-rq", "--cached", "--ignore-unmatch", ".")
    for path, content in files.items():
        (repository / FOLDER / path).parent.mkdir(parents=True, exist_ok=True)
        (repository / FOLDER / path).write_bytes(content)
        git(repository, "add", f"{FOLDER}/{path}")
    (repository / "stranger.bin").write_bytes(os.urandom(50_000))
    git(repository, "add", "stranger.bin")
    git(repository, "commit", "-qm", "files")
    return git(repository, "rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """An empty repository that serves partial clones, as GitHub does."""
    folder = tmp_path / "upstream"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    git(folder, "config", "uploadpack.allowFilter", "true")
    return folder


@pytest.fixture
def table(repository: Path) -> Callable[..., dict[str, download.Download]]:
    def make(commit_id: str, files: dict[str, bytes] = PICTURES) -> dict[str, download.Download]:
        lines = [f"{hashlib.sha256(files[path]).hexdigest()}  {path}\n" for path in sorted(files)]
        source = download.Download(
            repository.as_uri(), commit_id, FOLDER, "".join(lines), "Not to be redistributed."
        )
        return {"day_night": source}

    return make


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def nothing_left(root: Path) -> bool:
    raw = root / "data" / "raw"
    return not raw.exists() or not list(raw.iterdir())


def test_the_folder_of_the_commit_arrives_whole_and_only_it(tmp_path, repository, table, capsys):
    known = table(commit(repository, PICTURES))
    target = download.get("day_night", tmp_path, known=known)
    assert target == tmp_path / "data" / "raw" / "day_night"
    assert content(target) == PICTURES
    assert [path.name for path in target.parent.iterdir()] == ["day_night"]
    printed = capsys.readouterr().out
    assert "Not to be redistributed." in printed
    assert repository.as_uri() in printed


def test_only_the_wanted_contents_are_transferred_in_one_request(tmp_path, repository, table, monkeypatch):
    known = table(commit(repository, PICTURES))
    trace = tmp_path / "trace"
    monkeypatch.setenv("GIT_TRACE_PACKET", str(trace))
    stranger = git(repository, "rev-parse", "HEAD:stranger.bin")
    download.get("day_night", tmp_path, known=known)
    sent = trace.read_text(errors="replace")
    assert "filter blob:none" in sent
    assert f"want {stranger}" not in sent
    wants = [git(repository, "rev-parse", f"HEAD:{FOLDER}/{path}") for path in PICTURES]
    assert all(f"want {want}" in sent for want in wants)
    assert sent.count("command=fetch") <= 4, (
        "one request for the commit, one for the files (traced on both sides)"
    )


@pytest.mark.parametrize("length", [40, 7])
def test_a_commit_that_is_no_branch_tip(tmp_path, repository, table, length):
    wanted = commit(repository, PICTURES)
    commit(repository, PICTURES | {"training/day/a.jpg": b"changed later"})
    target = download.get("day_night", tmp_path, known=table(wanted[:length]))
    assert content(target) == PICTURES


def test_an_abbreviated_commit_that_is_a_tip_needs_no_history(tmp_path, repository, table, capsys):
    wanted = commit(repository, PICTURES)
    download.get("day_night", tmp_path, known=table(wanted[:7]))
    assert "history" not in capsys.readouterr().out


def test_a_server_without_filters(tmp_path, repository, table):
    wanted = commit(repository, PICTURES)
    git(repository, "config", "uploadpack.allowFilter", "false")
    assert content(download.get("day_night", tmp_path / "full", known=table(wanted))) == PICTURES
    commit(repository, {"training/day/a.jpg": b"changed later"})
    assert content(download.get("day_night", tmp_path / "short", known=table(wanted[:7]))) == PICTURES


def test_a_mirror_without_the_commit_is_judged_by_its_contents(tmp_path, repository, table, capsys):
    commit(repository, PICTURES)
    assert content(download.get("day_night", tmp_path, known=table("0" * 40))) == PICTURES
    assert "no commit 0000" in capsys.readouterr().out


def test_the_url_can_be_replaced_by_a_relative_path(tmp_path, repository, table, monkeypatch):
    known = table(commit(repository, PICTURES))
    mirror = tmp_path / "mirror"
    repository.rename(mirror)
    monkeypatch.chdir(tmp_path)
    assert content(download.get("day_night", Path("here"), url="mirror", known=known)) == PICTURES


def test_the_executable_bit_of_upstream_is_dropped(tmp_path, repository, table):
    (repository / FOLDER / "test/day").mkdir(parents=True)
    picture = repository / FOLDER / "test/day/x.jpg"
    picture.write_bytes(b"x")
    picture.chmod(0o755)
    known = table(commit(repository, {"test/day/x.jpg": b"x"}), {"test/day/x.jpg": b"x"})
    assert git(repository, "ls-tree", "-r", "HEAD", "--", FOLDER).startswith("100755")
    target = download.get("day_night", tmp_path, known=known)
    assert (target / "test/day/x.jpg").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"training/day/a.jpg": b"other bytes"}, "training/day/a.jpg has other content"),
        ({"test/day/it's c.jpg": None}, "test/day/it's c.jpg is missing"),
        ({"training/day/new\n.txt": b"?"}, r"training/day/new\n.txt does not belong to it"),
    ],
)
def test_wrong_contents_are_refused_and_nothing_is_kept(tmp_path, repository, table, change, said):
    upstream = {path: data for path, data in (PICTURES | change).items() if data is not None}
    known = table(commit(repository, upstream))
    with pytest.raises(UserError) as raised:
        download.get("day_night", tmp_path, known=known)
    assert said in str(raised.value)
    assert nothing_left(tmp_path)


def test_many_differences_are_counted_not_listed():
    wrong = download.differences(Path("/nowhere"), "".join(f"{'0' * 64}  {n}.jpg\n" for n in range(9)))
    assert len(wrong) == 9
    assert download._first_few(wrong).endswith("2.jpg is missing and 6 more")


def test_a_second_call_checks_and_downloads_nothing(tmp_path, repository, table, capsys, monkeypatch):
    known = table(commit(repository, PICTURES))
    target = download.get("day_night", tmp_path, known=known)
    capsys.readouterr()
    monkeypatch.setenv("PATH", "")  # no git any more
    assert download.get("day_night", tmp_path, known=known) == target
    assert "already there and right" in capsys.readouterr().out


def test_a_folder_with_other_content_is_named_and_left_alone(tmp_path, repository, table):
    known = table(commit(repository, PICTURES))
    target = download.get("day_night", tmp_path, known=known)
    (target / "training/day/a.jpg").write_bytes(b"mine")
    (target / "notes.txt").write_bytes(b"mine too")
    before = content(target)
    with pytest.raises(
        UserError, match=r"notes\.txt does not belong to it, training/day/a\.jpg has other content"
    ):
        download.get("day_night", tmp_path, known=known)
    assert content(target) == before


def test_no_repository_at_the_address(tmp_path, table, repository):
    known = table(commit(repository, PICTURES))
    with pytest.raises(UserError, match=r"does not (appear to be a git repository|exist)") as raised:
        download.get("day_night", tmp_path, url="file:///nowhere/at/all", known=known)
    assert "\n" not in str(raised.value)
    assert nothing_left(tmp_path)


@pytest.mark.parametrize("url", ["ext::touch {mark}", "--upload-pack=touch {mark}", "git://127.0.0.1:1/x"])
def test_an_address_can_start_no_program_and_other_protocols_are_refused(tmp_path, table, repository, url):
    known = table(commit(repository, PICTURES))
    mark = tmp_path / "mark"
    with pytest.raises(UserError):
        download.get("day_night", tmp_path, url=url.format(mark=mark), known=known)
    assert not mark.exists()
    assert nothing_left(tmp_path)


def test_a_missing_folder_is_said(tmp_path, table, repository):
    wanted = commit(repository, PICTURES)
    source = table(wanted)["day_night"]
    known = {"day_night": download.Download(source.url, wanted, "gone", source.checksums, source.note)}
    with pytest.raises(UserError, match="folder gone of commit"):
        download.get("day_night", tmp_path, known=known)
    assert nothing_left(tmp_path)


def test_git_is_missing(tmp_path, table, repository, monkeypatch):
    known = table(commit(repository, PICTURES))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="git is not installed"):
        download.get("day_night", tmp_path, known=known)
    assert nothing_left(tmp_path)


def fake_git(folder: Path, script: str) -> None:
    folder.mkdir()
    (folder / "git").write_text("#!/bin/sh\n" + script, encoding="utf-8")
    (folder / "git").chmod(0o755)


def test_a_git_that_never_answers_is_stopped_with_its_helpers(tmp_path, table, monkeypatch):
    known = table("0" * 40)
    fake_git(tmp_path / "bin", f"(sleep 5; touch '{tmp_path}/finished') & wait\n")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setattr(download, "TIME_LIMIT", 0.3)
    with pytest.raises(UserError, match="took longer than"):
        download.get("day_night", tmp_path, known=known)
    assert not (tmp_path / "finished").exists(), "the helper was waited for, not ended"
    assert nothing_left(tmp_path)


def test_git_is_told_never_to_ask_and_to_keep_out_of_the_callers_repository(tmp_path, table, monkeypatch):
    known = table("0" * 40)
    fake_git(
        tmp_path / "bin", f"env > '{tmp_path}/environment'; echo noise >&2; echo 'fatal: no' >&2; exit 1\n"
    )
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("GIT_INDEX_FILE", "/somebody/elses/index")
    monkeypatch.setenv("GIT_DIR", "/somebody/elses")
    with pytest.raises(UserError, match="`git init` failed: no;"):
        download.get("day_night", tmp_path, known=known)
    environment = (tmp_path / "environment").read_text().splitlines()
    assert "GIT_TERMINAL_PROMPT=0" in environment
    assert "GIT_ALLOW_PROTOCOL=https:file:ssh" in environment
    assert not [line for line in environment if "somebody" in line]


@pytest.mark.parametrize("problem", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_an_interruption_leaves_nothing(tmp_path, table, repository, monkeypatch, problem):
    known = table(commit(repository, PICTURES))

    def interrupted(path: Path) -> str:
        raise problem

    monkeypatch.setattr(download, "file_sha256", interrupted)
    with pytest.raises((KeyboardInterrupt, UserError)):
        download.get("day_night", tmp_path, known=known)
    assert nothing_left(tmp_path)


def test_an_unknown_name_gets_a_suggestion(tmp_path):
    with pytest.raises(UserError, match="did you mean 'day_night'"):
        download.get("day_nihgt", tmp_path)
    with pytest.raises(UserError, match="known: day_night"):
        download.get("mnist", tmp_path)


def test_the_packaged_table_names_400_photos_and_holds_for_the_real_ones():
    source = download.KNOWN["day_night"]
    lines = source.checksums.splitlines()
    assert lines == sorted(lines, key=lambda line: line[66:])
    counts: dict[str, int] = {}
    for line in lines:
        counts[os.path.dirname(line[66:])] = counts.get(os.path.dirname(line[66:]), 0) + 1
    assert counts == {"test/day": 80, "test/night": 80, "training/day": 120, "training/night": 120}


def test_the_shared_copy_of_the_photos_has_the_committed_hashes():
    shared = Path(os.environ.get("EVENLIGHT_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not (shared / "day_night").is_dir():
        pytest.skip(f"{shared / 'day_night'} is missing: the day and night photos can't be compared")
    wrong = download.differences(shared / "day_night", download.KNOWN["day_night"].checksums)
    assert wrong in ([], ["LICENSE does not belong to it"])
