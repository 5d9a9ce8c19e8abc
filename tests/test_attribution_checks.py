"""Checks of heat maps: what they must see, what they must leave alone."""

from copy import deepcopy

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from torch import nn

from evenlight.errors import UserError
from evenlight.evaluation.resampling import Bootstrap
from evenlight.explain import attribution
from evenlight.explain.attribution import attribute, signed_maps
from evenlight.explain.attribution_checks import (
    BASELINES,
    Images,
    baseline_maps,
    deletion_and_insertion,
    finding,
    randomization,
    rank_correlations,
    removal_areas,
)
from evenlight.explain.settings import Explain
from evenlight.models.cnn import Network, build_network, global_average
from evenlight.models.cnn_options import CnnOptions
from evenlight.models.training import prepare_torch
from evenlight.runtime import seed_for

BOOTSTRAP = Bootstrap(0.95, 200)
SETTINGS = Explain(integration_steps=8)


@pytest.fixture(autouse=True)
def _torch():
    prepare_torch(0)


def checked(count: int, channels: int = 3, height: int = 16, width: int = 13) -> Images:
    draws = np.random.default_rng(count)
    pixels = torch.from_numpy(draws.random((count, channels, height, width)).astype(np.float32))
    return Images(pixels, np.arange(count) % 3, np.arange(count))


def small() -> Network:
    return build_network(CnnOptions(kind="cnn"), (16, 13, 3), 3).eval()


def linear(weights: np.ndarray) -> Network:
    """Two classes: the score of class 1 is weights (H, W) times pixels, that of class 0 the opposite."""
    layer = nn.Linear(weights.size, 2, bias=False)
    layer.weight.data = torch.from_numpy(np.stack([-weights, weights]).reshape(2, -1)).float()
    return Network(1, nn.Identity(), nn.Flatten(), layer).eval()


def scored(network, images, maps, steps):
    return deletion_and_insertion(removal_areas(network, images, maps, steps, 0), images.keys, BOOTSTRAP, 0)


class TestRankCorrelations:
    def test_against_scipy(self):
        draws = np.random.default_rng(0)
        one, other = draws.integers(0, 9, size=(2, 5, 6, 7))  # with ties
        expected = [spearmanr(a.ravel(), b.ravel()).statistic for a, b in zip(one, other, strict=True)]
        np.testing.assert_allclose(rank_correlations(one, other), expected)

    def test_a_flat_map_has_none(self):
        maps = np.arange(12.0).reshape(1, 3, 4)
        assert rank_correlations(maps, np.ones((1, 3, 4))) == 0


class TestRandomization:
    def test_layers_from_the_classifier_down_and_the_network_untouched(self):
        network, images = small(), checked(12)
        before = {name: value.clone() for name, value in network.state_dict().items()}
        state = torch.random.get_rng_state()
        found = randomization(network, images, "saliency", SETTINGS, BOOTSTRAP, seed=1)
        assert found.layers == ["classifier.1", "trunk.2.0", "trunk.1.0", "trunk.0.0"]
        assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
        assert torch.equal(torch.random.get_rng_state(), state)
        assert found == randomization(network, images, "saliency", SETTINGS, BOOTSTRAP, seed=1)
        assert found != randomization(network, images, "saliency", SETTINGS, BOOTSTRAP, seed=2)

    def test_the_cascade_by_hand(self):
        """Only the classifier, then also the layer before it, with its normalization back at its start."""
        network, images = small(), checked(4)
        batch_norm = network.trunk[2][1]
        batch_norm.running_mean.fill_(-0.3)
        found = randomization(network, images, "saliency", SETTINGS, BOOTSTRAP, seed=0)
        changed = deepcopy(network)
        original = signed_maps(network, images.pixels, images.targets, "saliency", SETTINGS)
        for place, names in enumerate([["classifier.1"], ["trunk.2.0", "trunk.2.1"]]):
            for name in names:
                torch.manual_seed(seed_for(0, "randomization", name))
                changed.get_submodule(name).reset_parameters()
            maps = signed_maps(changed, images.pixels, images.targets, "saliency", SETTINGS)
            expected = rank_correlations(original, maps).mean()
            assert found.correlations[place]["value"] == pytest.approx(expected)

    def test_a_map_of_the_picture_fails_and_the_gradient_passes(self, monkeypatch):
        def brightness(network, images, targets, settings):
            return images.mean(dim=1, keepdim=True)

        blind = attribution.Method("Brightness", "", "", brightness)
        monkeypatch.setitem(attribution.METHODS, "blind", blind)
        images = checked(24)
        found = randomization(small(), images, "blind", SETTINGS, BOOTSTRAP, seed=0)
        assert found.verdict == "fails"
        assert "shows little of what the network learned" in found.sentence
        assert all(one["value"] == pytest.approx(1) for one in found.correlations)
        found = randomization(small(), images, "saliency", SETTINGS, BOOTSTRAP, seed=0)
        assert found.verdict == "passes"
        assert all(one["n"] == 24 for one in found.correlations)

    @pytest.mark.parametrize("keys", [np.arange(9), np.arange(20) % 9])
    def test_few_images_or_sources_give_no_verdict(self, keys):
        images = checked(len(keys))
        few = Images(images.pixels, images.targets, keys)
        found = randomization(small(), few, "saliency", SETTINGS, BOOTSTRAP, seed=0)
        assert found.verdict == "not_enough_data"
        assert "9 images or sources" in found.sentence

    def test_maps_without_content_are_left_out(self):
        images = checked(12)
        network = small()
        network.classifier[-1].weight.data[1:] = 0  # of classes 1 and 2 every map is zero
        found = randomization(network, images, "grad_cam", SETTINGS, BOOTSTRAP, seed=0)
        assert [one["n"] for one in found.correlations] == [4] * 4
        network.classifier[-1].weight.data[:] = 0
        found = randomization(network, images, "grad_cam", SETTINGS, BOOTSTRAP, seed=0)
        assert (found.layers, found.verdict) == ([], "not_enough_data")

    def test_of_a_deep_network_a_few_depths_are_compared(self):
        blocks = [nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.ReLU()) for _ in range(14)]
        network = Network(3, nn.Sequential(*blocks), global_average(), nn.Linear(3, 3)).eval()
        found = randomization(network, checked(3), "saliency", SETTINGS, BOOTSTRAP, seed=0)
        assert len(found.layers) == 6
        assert (found.layers[0], found.layers[-1]) == ("classifier", "trunk.0.0")

    def test_a_layer_that_cannot_start_anew_is_a_sentence(self):
        class Scale(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.factor = nn.Parameter(torch.ones(1, 3, 1, 1))

            def forward(self, images: torch.Tensor) -> torch.Tensor:
                return self.factor * images

        network = Network(3, Scale(), global_average(), nn.Linear(3, 3)).eval()
        with pytest.raises(UserError, match="layer 'trunk' of the network has no `reset_parameters`"):
            randomization(network, checked(3), "integrated_gradients", SETTINGS, BOOTSTRAP, seed=0)


class TestDeletionAndInsertion:
    def test_by_hand(self):
        """Two pixels of four count: deleted first they take the probability along, in two steps of four."""
        network = linear(np.array([[2.0, 1.0], [0.0, 0.0]]))
        images = Images(torch.ones(1, 1, 2, 2), np.array([1]), np.array([0]))
        maps = {"right": np.array([[[4.0, 3.0], [2.0, 1.0]]]), "wrong": np.array([[[1.0, 2.0], [3.0, 4.0]]])}
        found = scored(network, images, maps, 4)
        p3, p2, p1, p0 = (1 / (1 + np.exp(-2 * score)) for score in (3, 2, 1, 0))
        area = {
            ("right", "deletion"): (p3 / 2 + p1 + p0 + p0 + p0 / 2) / 4,
            ("right", "insertion"): (p0 / 2 + p2 + p3 + p3 + p3 / 2) / 4,
            ("wrong", "deletion"): (p3 / 2 + p3 + p3 + p2 + p0 / 2) / 4,
            ("wrong", "insertion"): (p0 / 2 + p0 + p0 + p1 + p3 / 2) / 4,
        }
        for (name, kind), expected in area.items():
            assert found[name][kind]["value"] == pytest.approx(expected)

    def test_pixel_times_weight_ranks_a_linear_model_best(self):
        draws = np.random.default_rng(3)
        network = linear(draws.normal(size=(8, 9)) / 3)
        images = checked(30, 1, 8, 9)
        images = Images(images.pixels, np.arange(30) % 2, images.keys)
        pictures = (images.pixels.numpy() * 255).astype(np.uint8).transpose(0, 2, 3, 1).repeat(3, axis=3)
        methods = ("integrated_gradients", "saliency")
        maps = {m: attribute(network, images.pixels, images.targets, m, SETTINGS) for m in methods}
        found = scored(network, images, maps | baseline_maps(pictures, 0), 12)
        for name in ("saliency", *BASELINES):
            assert found["integrated_gradients"]["deletion"]["high"] < found[name]["deletion"]["low"], name
            assert found["integrated_gradients"]["insertion"]["low"] > found[name]["insertion"]["high"], name

    def test_maps_that_say_nothing_rank_at_random(self):
        """In the order of the file a flat map would score by where things lie in the picture."""
        weights = np.zeros((10, 10))
        weights[:2] = 0.5
        images = Images(torch.ones(40, 1, 10, 10), np.ones(40, int), np.arange(40))
        found = scored(linear(weights), images, {"flat": np.zeros((40, 10, 10))}, 10)
        first = scored(linear(weights), images, {"top": weights[None].repeat(40, 0)}, 10)
        assert found["flat"]["deletion"]["value"] > first["top"]["deletion"]["value"] + 0.2

    def test_the_network_stays_and_batches_do_not_matter(self, monkeypatch):
        network, images = small(), checked(7)
        before = {name: value.clone() for name, value in network.state_dict().items()}
        maps = baseline_maps(np.random.default_rng(0).integers(0, 256, (7, 16, 13, 3), np.uint8), 0)
        whole = scored(network, images, maps, 6)
        monkeypatch.setattr("evenlight.explain.attribution_checks.BATCH_PIXELS", 1)
        cut = scored(network, images, maps, 6)
        for name in BASELINES:
            assert whole[name]["deletion"]["value"] == pytest.approx(cut[name]["deletion"]["value"], abs=1e-5)
            assert whole[name]["insertion"]["n"] == 7
        assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())

    def test_more_steps_than_pixels(self):
        network = linear(np.ones((1, 3)))
        images = Images(torch.ones(2, 1, 1, 3), np.ones(2, int), np.arange(2))
        found = scored(network, images, {"any": np.zeros((2, 1, 3))}, 28)
        assert 0.5 < found["any"]["deletion"]["value"] < 1


class TestFinding:
    keys = np.arange(40)

    def found(self, deletion, insertion, keys=keys):
        """Baselines with areas 0.3 to 0.7; the method gains so much on the best of them, give or take 0.05."""
        wobble = 0.05 * np.cos(np.pi * np.arange(len(keys)))
        level = 0.2 * np.sin(
            np.arange(len(keys))
        )  # alike in all maps of an image: a paired comparison removes it
        known = dict(zip(BASELINES, ((0.3, 0.5), (0.5, 0.7), (0.4, 0.6)), strict=True))
        made = {name: np.column_stack([one + level, other + level]) for name, (one, other) in known.items()}
        made["saliency"] = np.column_stack(
            [0.3 - deletion + level + wobble, 0.7 + insertion + level + wobble]
        )
        return finding(made, "saliency", keys, BOOTSTRAP, 0)

    @pytest.mark.parametrize(
        ("gains", "verdict"),
        [
            ((0.05, 0.05), "better"),
            ((0.05, 0.0), "not_shown"),  # as good as the best
            ((-0.05, 0.05), "not_shown"),
            ((-0.05, 0.0), "worse"),
            ((-0.05, -0.05), "worse"),
        ],
    )
    def test_against_the_best_baseline_of_each_measure(self, gains, verdict):
        found = self.found(*gains)
        assert found.verdict == verdict
        assert [gain["value"] for gain in found.gains] == pytest.approx(gains)
        assert [gain["high"] - gain["low"] < 0.04 for gain in found.gains] == [True, True]
        assert f"deletion gains {gains[0]:+.2f}" in found.sentence
        assert "over bright pixels; insertion" in found.sentence
        assert "over edges (Sobel)." in found.sentence

    def test_images_of_few_sources_give_no_verdict(self):
        found = self.found(0.2, 0.2, np.arange(40) % 9)
        assert found.verdict == "not_enough_data"
        assert "9 images or sources" in found.sentence


class TestBaselines:
    def test_levels_edges_and_seeded_noise(self):
        pictures = np.zeros((2, 6, 8, 3), np.uint8)
        pictures[0, :, 4:] = (255, 0, 0)
        maps = baseline_maps(pictures, seed=5)
        assert list(maps) == list(BASELINES)
        np.testing.assert_array_equal(maps["pixel_value"][0, 0], [0] * 4 + [76] * 4)  # K1: gray of red
        np.testing.assert_array_equal(maps["sobel"][0, 2], [0, 0, 0, 304, 304, 0, 0, 0])
        assert not maps["sobel"][1].any()
        np.testing.assert_array_equal(maps["random"], baseline_maps(pictures, seed=5)["random"])
        assert (maps["random"] != baseline_maps(pictures, seed=6)["random"]).any()
        assert all((values.dtype, values.shape) == (np.float32, (2, 6, 8)) for values in maps.values())
