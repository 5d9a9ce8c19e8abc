"""Model files: equal bytes in any process, equal predictions after reading, nothing hostile gets in."""

import io
import json
import os
import pickletools
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from evenlight.errors import UserError
from evenlight.models import artifacts, classical, classical_artifacts

FAMILIES = ["x"]
DATA = """
import numpy as np
draws = np.random.default_rng(0)
codes = np.arange(45) % 3
values = (draws.normal(size=(45, 4)) + codes[:, None]).astype(np.float32)
pixels = draws.integers(0, 256, size=(45, 16, 16, 3), dtype=np.uint8)
"""
OPTIONS = {
    "threshold": {"kind": "threshold", "feature": "x_1"},
    "majority": {"kind": "majority"},
    "metadata": {"kind": "metadata", "trees": 6},
    "logistic_regression": {"kind": "logistic_regression", "features": FAMILIES, "C": 0.1},
    "linear_svm": {"kind": "linear_svm", "features": FAMILIES, "C": 0.1},
    "rbf_svm": {"kind": "rbf_svm", "features": FAMILIES, "C": 3.0},
    "nystroem": {"kind": "rbf_svm", "features": FAMILIES, "C": 3.0, "exact_rows": 40, "components": 20},
    "random_forest": {"kind": "random_forest", "features": FAMILIES, "trees": 6, "rows_per_tree": 30},
    "hist_gradient_boosting": {
        "kind": "hist_gradient_boosting",
        "features": FAMILIES,
        "iterations": 3,
        "column_share": 0.5,
    },
    "knn": {"kind": "knn", "features": FAMILIES, "k": 3},
}
NETWORK = {"kind": "cnn", "network": "small", "epochs": 2, "batch_size": 11, "dropout": 0.2}
# what a run does, whatever the process around it looks like
ALONE = """
import sys
from pathlib import Path
from evenlight.runtime import fix_environment
fix_environment()
folder = Path(sys.argv[1])
"""
SAVE_ALL = f"""
{DATA}
from evenlight.models import artifacts, classical, classical_artifacts
from evenlight.models.network_artifacts import save_network
from evenlight.models.cnn_options import CnnOptions
from evenlight.models.training import Examples, train_network
for kind, options in {OPTIONS!r}.items():
    estimator = classical.fit(options, values, codes, 5)
    classical_artifacts.save_classical(folder / kind, estimator, artifacts.describe(kind, options))
found = train_network(
    CnnOptions(**{NETWORK!r}), Examples(pixels[:30], codes[:30]), Examples(pixels[30:], codes[30:]), 3, 5
)
facts = dict(classes=["a", "b", "c"], standardize=dict(color="rgb"), columns=None, families=[], seed=5,
             input_shape=[16, 16, 3], fit=dict(best_epoch=found.best_epoch), data_hash="0")
save_network(folder / "cnn", found.network, artifacts.describe("cnn", {NETWORK!r}, **facts))
"""
KINDS = [*OPTIONS, "cnn"]


def example() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    names: dict = {}
    exec(DATA, names)
    return names["values"], names["codes"], names["pixels"]


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> tuple[Path, Path]:
    """All kinds of models, saved by two processes that differ in what must not matter: this one and another."""
    from threadpoolctl import threadpool_limits

    here, there = tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("another") / "deeper"
    surroundings = {"PYTHONHASHSEED": "1", "OMP_NUM_THREADS": "3", "MKL_NUM_THREADS": "3"}
    other = subprocess.Popen(
        [sys.executable, "-c", ALONE + SAVE_ALL, str(there)],
        env={**os.environ, **surroundings},
        stderr=subprocess.PIPE,
    )
    with threadpool_limits(1):
        exec(SAVE_ALL, {"folder": here})
    _, errors = other.communicate(timeout=300)
    assert other.returncode == 0, errors.decode()
    return here, there


def files(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_model_has_the_same_bytes_in_every_process(saved, kind):
    first, second = (files(folder / kind) for folder in saved)
    assert (
        first.keys()
        == second.keys()
        == {"model.json", "model.safetensors" if kind == "cnn" else "model.skops"}
    )
    assert first == second


@pytest.mark.parametrize("kind", OPTIONS)
def test_reading_gives_the_same_predictions(saved, kind):
    values, codes, _ = example()
    fresh = classical.fit(OPTIONS[kind], values, codes, 5)
    loaded = classical_artifacts.load_classical(saved[0] / kind)
    expected, found = (classical.raw_scores(model, values, 3) for model in (fresh, loaded))
    assert np.array_equal(expected, found)


def test_reading_a_network_gives_the_same_scores(saved):
    from evenlight.models.cnn_options import CnnOptions
    from evenlight.models.inference import run_network
    from evenlight.models.network_artifacts import load_network
    from evenlight.models.training import Examples, train_network

    _, codes, pixels = example()
    splits = Examples(pixels[:30], codes[:30]), Examples(pixels[30:], codes[30:])
    fresh = train_network(CnnOptions(**NETWORK), *splits, 3, 5).network
    loaded = load_network(saved[0] / "cnn")
    assert not loaded.training
    assert np.array_equal(run_network(fresh, pixels)[0], run_network(loaded, pixels)[0])


@pytest.mark.parametrize("kind", KINDS)
def test_no_file_holds_a_pickle_or_the_place_where_it_was_made(saved, kind):
    for name, content in files(saved[0] / kind).items():
        parts = {name: content}
        if name.endswith(".skops"):
            archive = zipfile.ZipFile(io.BytesIO(content))
            parts = {member: archive.read(member) for member in archive.namelist()}
            assert set(archive.namelist()) == {
                member for member in parts if member.endswith((".json", ".npy", ".bin"))
            }
        for part, data in parts.items():
            with pytest.raises((ValueError, IndexError)):
                list(pickletools.genops(data))
            assert str(saved[0]).encode() not in data
            if part.endswith(".npy"):
                np.load(io.BytesIO(data), allow_pickle=False)


@pytest.mark.parametrize("kind", OPTIONS)
def test_plain_skops_reads_the_file(saved, kind):
    import skops.io

    values, codes, _ = example()
    file = saved[0] / kind / "model.skops"
    unknown = skops.io.get_untrusted_types(file=file)
    plain = skops.io.load(file, trusted=unknown)
    assert np.array_equal(
        plain.predict(values), classical.fit(OPTIONS[kind], values, codes, 5).predict(values)
    )


@pytest.mark.parametrize("kind", OPTIONS)
def test_canonical_bytes_stay_as_they_are(saved, kind):
    content = (saved[0] / kind / "model.skops").read_bytes()
    assert classical_artifacts.canonical_skops(content) == content


def test_an_archive_with_a_stowaway_is_refused(saved):
    content = io.BytesIO((saved[0] / "rbf_svm" / "model.skops").read_bytes())
    with zipfile.ZipFile(content, "a") as archive:
        archive.writestr("extra.npy", b"")
    with pytest.raises(ValueError, match=r"extra\.npy"):
        classical_artifacts.canonical_skops(content.getvalue())


class TestHostileFiles:
    def refuse(self, folder: Path, content: bytes) -> str:
        (folder / "model.skops").write_bytes(content)
        with pytest.raises(UserError) as caught:
            classical_artifacts.load_classical(folder)
        assert "model.skops" in str(caught.value)
        return str(caught.value)

    def test_a_function_that_runs_a_command(self, tmp_path):
        import skops.io
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import FunctionTransformer

        evil = FunctionTransformer(os.system)
        for model in (evil, make_pipeline(evil)):
            assert "system" in self.refuse(tmp_path, skops.io.dumps(model))

    def test_a_harmless_type_that_is_not_on_the_list(self, tmp_path):
        """Also in a process where skops was imported with its own, longer list."""
        import skops.io

        from evenlight.models.cnn import Network

        self.refuse(tmp_path, skops.io.dumps({"network": Network}))

    def test_the_file_can_not_extend_the_list(self, saved, tmp_path):
        archive = zipfile.ZipFile(saved[0] / "threshold" / "model.skops")
        schema = json.loads(archive.read("schema.json"))
        schema |= {"__class__": "system", "__module__": "os", "trusted": ["os.system"]}
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as changed:
            for name in archive.namelist():
                changed.writestr(name, json.dumps(schema) if name == "schema.json" else archive.read(name))
        self.refuse(tmp_path, buffer.getvalue())

    def test_damage(self, saved, tmp_path):
        content = (saved[0] / "random_forest" / "model.skops").read_bytes()
        middle = len(content) // 2
        flipped = content[:middle] + bytes(255 - byte for byte in content[middle : middle + 64])
        for damaged in (b"", b"PK", content[:middle], flipped + content[middle + 64 :], b"\x80\x04N."):
            self.refuse(tmp_path, damaged)

    def test_missing(self, tmp_path):
        with pytest.raises(UserError, match=r"model\.skops"):
            classical_artifacts.load_classical(tmp_path)

    @pytest.mark.parametrize("content", ["", "{", "[]", "null", '"x"', "{}", '{"kind": "cnn"}', "\udcff"])
    def test_damaged_description(self, tmp_path, content):
        (tmp_path / "model.json").write_bytes(content.encode("utf-8", "surrogateescape"))
        with pytest.raises(UserError, match=r"model\.json"):
            artifacts.load_description(tmp_path)

    def test_damaged_network(self, saved, tmp_path):
        import safetensors.numpy

        from evenlight.models.network_artifacts import load_network

        content = (saved[0] / "cnn" / "model.safetensors").read_bytes()
        weights = safetensors.numpy.load(content)
        other_shape = safetensors.numpy.save({**weights, "classifier.1.bias": np.zeros(7, np.float32)})
        too_few = safetensors.numpy.save({"mean": weights["mean"]})
        (tmp_path / "model.json").write_bytes((saved[0] / "cnn" / "model.json").read_bytes())
        for damaged in (b"", content[:50], content[:-9], b"\x80\x04N.", other_shape, too_few):
            (tmp_path / "model.safetensors").write_bytes(damaged)
            with pytest.raises(UserError, match=r"model\.safetensors"):
                load_network(tmp_path)
        (tmp_path / "model.safetensors").unlink()
        with pytest.raises(UserError, match=r"model\.safetensors"):
            load_network(tmp_path)


def test_the_description_says_what_made_the_model():
    from importlib.metadata import version

    found = artifacts.describe("m", {"kind": "rbf_svm", "features": ["x"]}, seed=3)
    assert found["kind"] == "rbf_svm"
    assert found["seed"] == 3
    assert found["versions"]["scikit-learn"] == version("scikit-learn")
    assert "torch" in artifacts.describe("m", {"kind": "cnn"})["versions"]
