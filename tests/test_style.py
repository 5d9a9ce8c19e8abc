"""Style transfer: what counts as content and as style, and a picture with both."""

import io

import numpy as np
import pytest
import torch
from torch import nn

from evenlight.errors import UserError
from evenlight.explain.dream_pictures import style_sheet
from evenlight.explain.settings_dream import Style
from evenlight.explain.style import Target, gram, transfer
from evenlight.models.cnn import Network, build_network, global_average
from evenlight.models.cnn_options import CnnOptions
from evenlight.models.inference import prepare_torch, to_tensor

SHAPE = (20, 16, 3)


def noise(seed: int, shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, size=shape, dtype=np.uint8)


def stripes() -> np.ndarray:
    return np.broadcast_to((np.arange(16) // 2 % 2 * 200)[None, :, None], SHAPE).astype(np.uint8)


def settings(**changes) -> Style:
    return Style(**{"content": "a", "style": "b", "steps": 20, **changes})


@pytest.fixture(scope="module")
def network() -> Network:
    prepare_torch(1)
    return build_network(CnnOptions(kind="cnn"), SHAPE, 3).eval()


class TestGram:
    def test_mean_products(self):
        maps = torch.tensor([[[[1.0, 2.0]], [[3.0, 5.0]]]])
        assert gram(maps).tolist() == [[[2.5, 6.5], [6.5, 17.0]]]

    def test_places_do_not_matter_to_style_but_to_content(self):
        """K12."""
        maps = torch.from_numpy(np.random.default_rng(0).random((2, 5, 4, 6)))
        shuffled = maps.flatten(2)[..., torch.randperm(24)].view(maps.shape)
        torch.testing.assert_close(gram(shuffled), gram(maps))
        assert ((shuffled - maps) ** 2).mean() > 0.01


class TestLosses:
    @pytest.mark.parametrize("shape", [SHAPE, (16, 16, 1)])
    def test_zero_at_what_is_aimed_at(self, shape):
        prepare_torch(1)
        network = build_network(CnnOptions(kind="cnn"), shape, 3).eval()
        images = to_tensor(np.stack([noise(0, shape), noise(1, shape) // 4]))
        target = Target(network, images[:1], images[1:])
        with torch.no_grad():
            content_there = [float(loss) for loss in target.losses(images[:1])]
            style_there = [float(loss) for loss in target.losses(images[1:])]
        assert content_there[0] == 0 < content_there[1]
        assert style_there[1] == 0 < style_there[0]

    def test_a_shuffled_image_has_the_same_style_and_another_content(self):
        """K12, where every place is seen by itself: convolutions of one pixel."""
        prepare_torch(1)
        trunk = nn.Sequential(nn.Conv2d(3, 6, 1), nn.ReLU())
        network = Network(3, trunk, global_average(), nn.Linear(6, 2)).eval()
        image = to_tensor(noise(0)[None]).contiguous()
        shuffled = image.flatten(2)[..., torch.randperm(image[0, 0].numel())].view(image.shape)
        with torch.no_grad():
            content, style = Target(network, image, image).losses(shuffled)
            _, other = Target(network, image, image).losses(image / 2)
        assert style < 1e-10 < 1e-3 < other
        assert content > 0.01

    def test_layers_are_those_named(self, network):
        images = to_tensor(np.stack([noise(0), stripes()]))

        def style_loss(*layers: str) -> float:
            return float(
                Target(network, images[:1], images[1:], "trunk", layers).losses(images[:1])[1].detach()
            )

        first, second, third = (style_loss(f"trunk.{number}.2") for number in range(3))
        assert len({first, second, third}) == 3
        assert style_loss() == pytest.approx((first + second + third) / 3, rel=1e-5)

    @pytest.mark.parametrize("layers", [{"content_layer": "trunc"}, {"style_layers": ["trunk.0.2", "x"]}])
    def test_an_unknown_layer_is_a_sentence(self, layers, network):
        with pytest.raises(UserError, match="no module"):
            transfer(network, noise(0), stripes(), settings(**layers), "rgb")


class TestTransfer:
    def test_the_total_falls_and_style_comes_in(self, network):
        found = transfer(network, noise(0), stripes(), settings(), "rgb")
        assert found.image.shape == SHAPE
        assert found.image.dtype == np.uint8
        assert len(found.content) == len(found.style) == len(found.total) == 21
        assert found.content[0] == 0
        assert found.style[-1] < 0.5 * found.style[0]
        assert found.total[-1] < 0.5 * found.total[0]
        assert (np.diff(found.total) < 0).mean() > 0.9

    def test_the_total_is_the_weighted_sum(self, network):
        found = transfer(network, noise(0), stripes(), settings(weight=7, smoothness=2, steps=1), "rgb")
        levels = noise(0) / 255
        variation = sum(np.abs(np.diff(levels, axis=axis)).mean() for axis in (0, 1))
        assert found.total[0] == pytest.approx(7 * found.style[0] + 2 * variation, rel=1e-5)

    def test_without_style_and_smoothness_the_content_stays(self, network):
        found = transfer(network, noise(0), stripes(), settings(weight=0, smoothness=0), "rgb")
        assert np.array_equal(found.image, noise(0))
        assert not found.content.any()

    def test_equal_inputs_give_equal_pictures(self, network):
        first, second = (transfer(network, noise(0), stripes(), settings(), "rgb") for _ in range(2))
        assert np.array_equal(first.image, second.image)
        assert np.array_equal(first.total, second.total)

    def test_hue_stays_a_hue(self, network):
        content = noise(0)
        content[..., 0] = 175
        found = transfer(network, content, noise(1) // 2 + 120, settings(rate=0.2, smoothness=0), "hsv")
        assert found.image[..., 0].max() <= 179 < found.image[..., 1:].max()

    def test_other_networks_have_other_layers(self):
        prepare_torch(1)
        course = build_network(CnnOptions(kind="cnn", network="course"), (16, 16, 1), 2).eval()
        content, style = noise(0, (16, 16, 1)), noise(1, (16, 16, 1)) // 3
        found = transfer(course, content, style, settings(), "gray")
        assert found.total[-1] < found.total[0]


def test_the_sheet_is_a_picture_of_equal_bytes(network):
    from PIL import Image

    found = transfer(network, noise(0), stripes(), settings(steps=2), "rgb")
    first, second = (style_sheet(("a.jpg", "b.jpg"), noise(0), stripes(), found, "rgb") for _ in range(2))
    assert first == second
    assert Image.open(io.BytesIO(first)).width <= 1400
