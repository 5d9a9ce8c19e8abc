"""Families that look through a trained network: what every family promises, and what the network sees."""

from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evenlight import feature_table as tables
from evenlight import network_features
from evenlight.errors import UserError
from evenlight.stages import features as stage
from evenlight.storage import write_array, write_table

FAMILIES = ["cnn", "gram"]
SHAPES = {"small": (21, 16, 3), "course": (16, 18, 1)}


def noise(count: int, shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Noise, of which one image is flat and one black: uint8 (count, H, W, C)."""
    images = np.random.default_rng(seed).integers(0, 256, (count, *shape), dtype=np.uint8)
    images[1:2], images[2:3] = 9, 0
    return images


@pytest.fixture(scope="module", params=SHAPES)
def model(request, tmp_path_factory) -> tuple[Path, tuple[int, ...]]:
    """The folder of an untrained network, and the shape of its images."""
    return saved(tmp_path_factory.mktemp(request.param), request.param), SHAPES[request.param]


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Path:
    return saved(tmp_path_factory.mktemp("net"), "small")


def saved(folder: Path, network: str, color: str = "rgb") -> Path:
    import torch

    from evenlight.models.artifacts import describe
    from evenlight.models.cnn import build_network
    from evenlight.models.cnn_options import CnnOptions
    from evenlight.models.network_artifacts import save_network

    options = CnnOptions(kind="cnn", network=network)
    shape = SHAPES[network]
    torch.manual_seed(0)
    facts = dict.fromkeys(("fit", "data_hash", "columns", "region"))
    facts |= {"classes": ["a", "b", "c"], "standardize": {"color": color}, "families": [], "seed": 0}
    description = describe("net", options.model_dump(), input_shape=list(shape), **facts)
    save_network(folder, build_network(options, shape, 3).eval(), description)
    return folder


def compute(name: str, images: np.ndarray, folder: Path | None, **options) -> pd.DataFrame:
    paths = [str(number) for number in range(len(images))]
    return tables.feature_table(name, images, paths, options, model=folder)


def test_these_and_no_others_need_a_model():
    assert [name for name in tables.family_names() if tables.needs_model(name, {})] == FAMILIES
    assert tables.needs_model("deep", {"kind": "cnn", "model": "mine"})


@pytest.mark.parametrize("name", FAMILIES)
def test_values_lie_in_the_documented_range(name, model):
    folder, shape = model
    table = compute(name, noise(5, shape), folder).drop(columns="path")
    assert set(table.dtypes) == {np.dtype("float32")}
    assert np.isfinite(table.to_numpy()).all()
    (entry,) = tables.family(name).COLUMNS
    assert all(fnmatchcase(column, entry.pattern) for column in table.columns)
    assert entry.low - 1e-6 <= table.to_numpy().min()
    assert table.to_numpy().max() <= entry.high + 1e-6


@pytest.mark.parametrize("name", FAMILIES)
def test_a_row_knows_nothing_of_its_neighbours(name, model, monkeypatch):
    folder, shape = model
    images = noise(11, shape)
    together = compute(name, images, folder)
    turned = compute(name, images[::-1], folder).iloc[::-1, 1:]
    assert np.array_equal(turned.to_numpy(), together.iloc[:, 1:].to_numpy())
    alone = [compute(name, images[number : number + 1], folder).iloc[0, 1:] for number in range(11)]
    assert np.array_equal(np.array(alone, dtype=np.float32), together.iloc[:, 1:].to_numpy())
    # however the table is cut
    monkeypatch.setattr(tables, "_BATCH_PIXELS", 3 * shape[0] * shape[1])
    assert compute(name, images, folder).equals(together)


def test_every_batch_that_torch_sees_is_of_one_size(small, monkeypatch):
    """What rows that are bit-equal rest on: the last digits depend on the size of a batch."""
    seen = []
    monkeypatch.setattr(network_features, "_BATCH_PIXELS", 21 * 16 * 5)
    trained = network_features.trained_network(small)

    def first_pixel(_network, batch: np.ndarray) -> np.ndarray:
        seen.append(len(batch))
        return batch[:, 0, 0]

    images = noise(12, SHAPES["small"])
    rows = network_features.in_equal_batches(images, trained, first_pixel)
    assert seen == [5, 5, 5]
    assert np.array_equal(rows, images[:, 0, 0])


def test_cnn_features_are_those_of_the_last_layer(small):
    from evenlight.models.inference import run_network
    from evenlight.models.network_artifacts import load_network

    images = noise(6, SHAPES["small"])
    table = compute("cnn", images, small)
    assert table.columns.tolist() == ["path", *(f"cnn_{number:04d}" for number in range(64))]
    _, wanted = run_network(load_network(small), images)
    np.testing.assert_allclose(table.iloc[:, 1:].to_numpy(), wanted, atol=1e-5)


def test_gram_columns_are_products_of_every_two_mixtures(small):
    import torch

    from evenlight.models.inference import to_tensor

    images = noise(2, SHAPES["small"])
    table = compute("gram", images, small, channels=3)
    names = ["gram_00_00", "gram_00_01", "gram_00_02", "gram_01_01", "gram_01_02", "gram_02_02"]
    assert table.columns.tolist() == ["path", *names]
    with torch.inference_mode():
        maps = network_features.trained_network(small).network.maps(to_tensor(images)).double().numpy()
    signs = np.random.Generator(np.random.PCG64(0)).integers(0, 2, (3, 64)) * 2 - 1
    mixed = np.einsum("kd,ndhw->nkhw", signs, maps)
    for row, found in zip(mixed, table[names].to_numpy(), strict=True):
        products = [(row[i] * row[j]).mean() for i in range(3) for j in range(i, 3)]
        roots = np.sign(products) * np.sqrt(np.abs(products))
        np.testing.assert_allclose(found, roots / np.linalg.norm(roots), atol=1e-5)


def test_gram_columns_do_not_depend_on_places(small):
    """Texture: maps whose places are shuffled make the same row."""
    maps = np.random.default_rng(1).random((4, 5, 6, 7))
    shuffled = np.random.default_rng(2).permutation(maps.reshape(4, 5, 42), axis=2).reshape(maps.shape)
    np.testing.assert_allclose(texture(maps), texture(shuffled), atol=1e-6)
    assert np.abs(texture(maps) - texture(maps[::-1].copy())).max() > 1e-3


def test_a_network_without_an_answer_makes_zeros():
    assert not texture(np.zeros((4, 5, 2, 2))).any()


def texture(maps: np.ndarray) -> np.ndarray:
    """Gram columns of four images for which a network has these maps (4, D, h, w)."""
    import torch

    from evenlight.features import gram

    class Fixed:
        def maps(self, images: torch.Tensor) -> torch.Tensor:
            assert len(images) == len(maps)
            return torch.from_numpy(maps)

    trained = network_features.TrainedNetwork(Fixed(), "fixed", (128, 128, 3))
    return gram.extract(noise(4, (128, 128, 3)), gram.Options(channels=3), trained)


def test_columns_are_known_before_the_network_where_they_can_be():
    assert tables.column_names("cnn", {}, (32, 32, 3)) == []
    assert len(tables.column_names("deep", {"kind": "gram", "channels": 4}, (32, 32, 3))) == 10


@pytest.mark.parametrize("name", FAMILIES)
def test_no_image_gives_an_empty_table_with_all_columns(name, small):
    empty = compute(name, noise(0, SHAPES["small"]), small)
    assert empty.columns.tolist() == compute(name, noise(1, SHAPES["small"]), small).columns.tolist()
    assert len(empty) == 0


def test_two_entries_of_a_family_have_columns_of_their_own(small):
    images = noise(1, SHAPES["small"])
    table = compute("deep", images, small, kind="cnn", model="net")
    assert table.columns[1] == "deep_0000"
    note = tables.documented("deep_0000", "deep", {"kind": "cnn", "model": "net"})
    assert note is not None
    assert note.unit == "activation"


@pytest.mark.parametrize("color", ["rgb", "hsv"])
def test_the_network_sees_images_in_its_own_colours(color, tmp_path):
    """A table through the stage is that of the stored pixels, not of their way back to RGB."""
    folder = saved(tmp_path / "net", "small", color)
    images = noise(3, SHAPES["small"])
    write_array(tmp_path / "0000.npy", images)
    rows = pd.DataFrame({"path": ["a", "b", "c"], "verdict": ["ok"] * 3}).astype("str")
    write_table(tmp_path / "shard.parquet", rows)
    target = tmp_path / "table.parquet"
    files = tmp_path / "0000.npy", tmp_path / "shard.parquet"
    stage.extract("cnn", *files, color, {"model": "net"}, target, model=folder)
    found = pd.read_parquet(target).iloc[:, 1:].to_numpy()
    assert np.array_equal(found, compute("cnn", images, folder).iloc[:, 1:].to_numpy())


class TestSentences:
    @pytest.mark.parametrize("name", FAMILIES)
    def test_without_a_model(self, name):
        with pytest.raises(UserError, match=f"{name} features are read from a trained network.* --model"):
            compute(name, noise(1, SHAPES["small"]), None)

    @pytest.mark.parametrize("shape", [(16, 21, 3), (21, 16, 1)])
    def test_images_of_another_shape(self, shape, small):
        with pytest.raises(UserError, match="net was trained on images of 21 x 16 x 3 and can't see"):
            compute("cnn", noise(1, shape), small)

    def test_a_model_of_another_kind(self, small, tmp_path):
        text = (small / "model.json").read_text().replace('"kind": "cnn"', '"kind": "knn"')
        (tmp_path / "model.json").write_text(text)
        with pytest.raises(UserError, match="this model is none"):
            compute("cnn", noise(1, SHAPES["small"]), tmp_path)
