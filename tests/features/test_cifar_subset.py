"""Accuracy of cheap families on a part of CIFAR-10: the design's table, by the benchmark that measures all of it."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

BENCHMARK = Path(__file__).resolve().parents[2] / "benchmarks" / "cifar_families.py"


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    spec = importlib.util.spec_from_file_location("cifar_families", BENCHMARK)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def parts(benchmark: ModuleType, shared_data: Callable[[str], Path]) -> dict:
    return benchmark.load(shared_data("cifar10_jpg.tar.xz"))


def test_the_sample_is_the_recipe_s(benchmark: ModuleType):
    available = [
        f"{split}/{label}/{number:04d}.jpg"
        for split in ("train", "test")
        for label in "ab"
        for number in range(600)
    ]
    names = benchmark.chosen_names(reversed(available))
    assert len(set(names)) == len(names) == 2 * (100 + 500)
    # random.Random(0).sample(range(600), 100) begins with these
    assert names[:2] == ["test/a/0394.jpg", "test/a/0430.jpg"]
    assert names[200].startswith("train/a/")


@pytest.mark.parametrize("name", ["rgb_stats", "hsv_hist", "hsv_hist3d", "sobel", "fourier", "thumb", "hog"])
def test_accuracy_is_the_design_s(name: str, benchmark: ModuleType, parts: dict):
    expected = benchmark.SINGLE[name]
    values, _ = benchmark.values_of(name, parts)
    found = benchmark.accuracy([name], {name: values}, parts)
    assert abs(found - expected) <= 2 * (expected * (1 - expected) / 1000) ** 0.5
