"""One picture by itself gets the answer that the run gave it, or a sentence why not."""

import hashlib
import shutil

import cv2
import numpy as np
import pytest

from evenlight import cli
from evenlight.errors import UserError
from evenlight.models.classical import kind_names
from evenlight.report.rendering import likelihood
from evenlight.stages import explain_image, features, train
from evenlight.storage import read_json, write_json
from model_world import MODELS, REGION, SEARCH, STANDARDIZE, World

CLASSES = ["\x1b[2Jdog", "<b>cat"]  # sorted
HOG = {"kind": "hog", "cell": 4, "channel": "gray"}
FEATURES = {"brightness": {}, "rgb_stats": {}, "hog": HOG, "orb": {"words": 4}, "cnn": {"model": "net"}}
PARAMS = {
    "dataset": "tiny",
    "standardize": STANDARDIZE,
    "features": FEATURES,
    "models": {"net": MODELS["net"], "majority": {"kind": "majority"}},
    "embed": {"features": ["brightness"]},
    "explain": {"methods": ["saliency"], "neighbours": 2, "channels": 4},
}
SEEING = ["brightness", "rgb_stats"]
KINDS = {kind: {"kind": kind, "features": SEEING} for kind in kind_names()} | {
    "threshold": {"kind": "threshold", "feature": "brightness_v_mean"},
    "majority": {"kind": "majority"},
    "metadata": {"kind": "metadata", "trees": 5},
    "random_forest": {"kind": "random_forest", "features": SEEING, "trees": 5},
    "hist_gradient_boosting": {"kind": "hist_gradient_boosting", "features": SEEING, "iterations": 5},
}
OTHERS = {
    name: {"kind": "logistic_regression", "features": [name], "C": 1.0} for name in ("hog", "orb", "cnn")
}


class Project:
    """A repository after a run; its data set is a `World`, one of whose test images lies outside as `picture`."""

    def __init__(self, folder):
        self.root, self.world = folder / "root", World(folder / "world", CLASSES, {"train": 12, "test": 4})
        inside = {"data/manifest": "", "data/standardized": "images", "data/features": "features"}
        for place, part in {**inside, "models": "models"}.items():
            (self.root / place).mkdir(parents=True)
            (self.root / place / "tiny").symlink_to(self.world.folder / part)
        self.write_params(FEATURES)
        write_json(self.root / "reports" / "tiny" / "params.json", {"features": FEATURES})
        table = self.world.table
        self.row = int(table.index[(table["split"] == "test") & (table["label_index"] == 0)][0])
        self.picture = self.draw("seen.png", self.world.pixels[self.row])
        data = self.picture.read_bytes()
        table.loc[self.row, "content_hash"] = hashlib.sha256(data).hexdigest()
        table.loc[self.row, ["height", "width", "bytes"]] = [16, 16, len(data)]
        self.world.write()

    def draw(self, name, pixels):
        file = self.root.parent / name
        file.write_bytes(cv2.imencode(".png", pixels[..., ::-1].astype(np.uint8))[1].tobytes())
        return file

    def write_params(self, entries):
        write_json(self.root / "params.yaml", {**PARAMS, "features": entries})  # JSON is YAML

    def train_on(self, name):
        """A model on one more entry of `features:`."""
        folder, model = self.world.folder, self.world.folder / "models" / name
        learned, network = None, folder / "models" / "net" if name == "cnn" else None
        if name == "orb":
            learned = folder / "features" / name / "learned.npy"
            features.learn(name, self.world.manifest, folder / "images", "rgb", FEATURES[name], 0, learned)
        for shard in ("0000", "0001"):
            table = folder / "features" / name / f"{shard}.parquet"
            array, rows = folder / "images" / f"{shard}.npy", folder / "shards" / f"{shard}.parquet"
            features.extract(name, array, rows, "rgb", FEATURES[name], table, learned, network)
        where = (self.world.manifest, folder / "classes.json", folder / "features", model)
        train.train(name, OTHERS[name], [name], REGION, STANDARDIZE, 0, *where, SEARCH)

    def explain(self, name, picture=None, page=None):
        page = page or self.root.parent / "page.html"
        return explain_image.explain_image(picture or self.picture, name, None, self.root, page)

    def expected(self, name):
        """What `predict` says of the picture, likeliest first."""
        table = self.world.predict(name).set_index("path")
        scores = table.loc[self.world.table.loc[self.row, "path"], [f"score_{label}" for label in CLASSES]]
        shown = dict(zip([r"\x1b[2Jdog", "<b>cat"], scores, strict=True))
        ranked = sorted(shown, key=lambda label: -shown[label])
        return f"{name} says: " + ", ".join(f"{label} {likelihood(float(shown[label]))}" for label in ranked)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    made = Project(tmp_path_factory.mktemp("project"))
    made.world.train("net")
    for name, options in KINDS.items():
        made.world.train(name, options)
    for name in OTHERS:
        made.train_on(name)
    return made


@pytest.mark.parametrize("name", [*KINDS, *OTHERS, "net"])
def test_every_model_says_what_it_said_in_the_run(project, name):
    told = project.explain(name).splitlines()
    assert told[0] == project.expected(name)
    path = project.world.table.loc[project.row, "path"]
    assert told[1] == f"The picture is '{path}' of the test images, labelled '\\x1b[2Jdog'."
    page = (project.root.parent / "page.html").read_text()
    looked = "Nowhere: this model does not look at pictures." not in page
    assert looked == (name not in ("majority", "metadata"))
    assert ("What its last layer sees" in page) == ("What it finds alike" in page) == (name == "net")
    assert "\x1b" not in page
    assert "<b>cat" not in page


def test_a_model_of_file_data_looks_at_the_file(project):
    """Pictures of the second class are wider; the picture itself is black like none of them."""
    wide = project.draw("wide.png", np.zeros((16, 17, 3)))
    told = project.explain("metadata", wide)
    assert told.startswith("metadata says: <b>cat")
    assert told.splitlines()[1] == "The picture is none of the data set."


def test_hostile_names_reach_neither_terminal_nor_folder(project, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    hostile = project.draw("\x1b[31m\u202e$(reboot) <script>\n" + "ä" * 80 + ".png", project.world.pixels[0])
    told = explain_image.explain_image(hostile, "majority", None, project.root, None)
    (page,) = tmp_path.iterdir()
    assert page.name == "_31m_reboot_script_" + "ä" * 40 + "_majority.html"
    assert told.splitlines()[-1] == f"Open {page.name}"
    assert told.replace("\n", "").replace("\N{NO-BREAK SPACE}", "").isprintable()
    assert not {"\x1b", "\u202e", "<script>"} & set(page.read_text())
    assert "&lt;script&gt;" in page.read_text()
    elsewhere = tmp_path / "\x1b[31m.html"
    assert project.explain("majority", page=elsewhere).endswith(r"\x1b[31m.html")
    hidden = project.draw("...png", project.world.pixels[0])
    explain_image.explain_image(hidden, "majority", None, project.root, None)
    assert (tmp_path / "picture_majority.html").exists()


def test_hostile_names_in_errors_are_written_out(project, monkeypatch, capsys):
    arguments = [
        "evenlight",
        "explain",
        "\x1b[31mgone.png",
        "--model",
        "majority",
        "--root",
        str(project.root),
    ]
    monkeypatch.setattr("sys.argv", arguments)
    with pytest.raises(SystemExit):
        cli.main()
    assert capsys.readouterr().err == "evenlight: \\x1b[31mgone.png: there is no such file\n"


def test_a_folder_is_no_picture(project):
    with pytest.raises(UserError, match="is a folder; name one picture"):
        project.explain("majority", project.root)


def test_an_unknown_model_is_told_with_the_known_ones(project):
    with pytest.raises(UserError, match=r"no trained model 'majorty'.*majority"):
        project.explain("majorty")


class TestAfterAnEdit:
    """Of the settings or the data, which the models do not know of."""

    @pytest.fixture
    def edited(self, project, tmp_path):
        """A copy that may be spoilt."""
        root, world = tmp_path / "root", tmp_path / "world"
        shutil.copytree(project.root, root, symlinks=True)
        shutil.copytree(project.world.folder, world)
        for link in (*root.glob("data/*/tiny"), root / "models" / "tiny"):
            part = link.readlink().relative_to(project.world.folder)
            link.unlink()
            link.symlink_to(world / part)
        copy = object.__new__(Project)
        copy.root, copy.picture = root, project.picture
        return copy

    def test_features_are_those_of_the_run(self, project, edited):
        other = {**FEATURES, "hog": {**HOG, "channel": "strongest"}}
        edited.write_params(other)
        assert edited.explain("hog").splitlines()[0] == project.expected("hog")
        # and the setting does matter
        write_json(edited.root / "reports" / "tiny" / "params.json", {"features": other})
        assert edited.explain("hog").splitlines()[0] != project.expected("hog")

    def test_without_a_published_run_they_are_those_of_params(self, project, edited):
        (edited.root / "reports" / "tiny" / "params.json").unlink()
        assert edited.explain("hog").splitlines()[0] == project.expected("hog")
        edited.write_params({name: FEATURES[name] for name in ("brightness", "rgb_stats", "cnn")})
        with pytest.raises(UserError, match="trained on 'hog', which is no longer under `features`"):
            edited.explain("hog")
        edited.write_params({**FEATURES, "hog": {**HOG, "cell": 8}})
        with pytest.raises(UserError, match=r"do not make 'hog_\w+', which hog was trained on"):
            edited.explain("hog")

    def test_a_model_of_other_data_is_refused(self, edited):
        manifest = edited.root / "data" / "manifest" / "tiny" / "manifest.parquet"
        manifest.write_bytes(manifest.read_bytes() + b"\0")
        for name in ("orb", "net", "majority"):
            with pytest.raises(
                UserError, match=r"trained on another state of the data than .*manifest\.parquet"
            ):
                edited.explain(name)

    def test_a_network_of_other_data_is_not_looked_through(self, edited):
        file = edited.root / "models" / "tiny" / "net" / "model.json"
        write_json(file, read_json(file) | {"data_hash": "0" * 64})
        with pytest.raises(UserError, match="net: trained on another state of the data than cnn"):
            edited.explain("cnn")

    def test_learned_features_that_are_gone_are_told(self, edited):
        (edited.root / "data" / "features" / "tiny" / "orb" / "learned.npy").unlink()
        with pytest.raises(UserError, match=r"learned\.npy: no such file"):
            edited.explain("orb")
