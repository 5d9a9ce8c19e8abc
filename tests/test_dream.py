"""Pictures that a network draws: the rule of the dream (K13), what a class likes, and their sheets."""

import io

import numpy as np
import pytest
import torch

from evenlight.errors import UserError
from evenlight.explain.dream import ClassPictures, activations, class_pictures, deep_dream, dream_gradient
from evenlight.explain.dream_pictures import class_sheet, dream_sheet
from evenlight.explain.settings_dream import Dream
from evenlight.models.calibration import softmax
from evenlight.models.cnn import Network, build_network
from evenlight.models.cnn_options import CnnOptions
from evenlight.models.inference import prepare_torch, run_network, to_tensor
from evenlight.models.training import Examples, train_network

LAYERS = ["trunk.0.2", "trunk.2.0", "trunk", "head", "classifier"]


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, size=shape, dtype=np.uint8)


def untrained(shape: tuple[int, int, int], network: str = "small", classes: int = 3) -> Network:
    prepare_torch(1)
    return build_network(CnnOptions(kind="cnn", network=network), shape, classes).eval()


@pytest.fixture(scope="module")
def trained() -> Network:
    """Tells horizontal stripes (0), vertical stripes (1) and noise (2), in red and green, 16 x 12."""
    codes = np.arange(180) % 3
    pixels = np.random.default_rng(0).integers(0, 60, size=(180, 16, 12, 3))
    pixels[codes == 0] += (np.arange(16) // 2 % 2 * 150)[:, None, None]
    pixels[codes == 1] += (np.arange(12) // 2 % 2 * 150)[None, :, None]
    options = CnnOptions(kind="cnn", epochs=6, batch_size=12, flip=False)
    examples = Examples(pixels.astype(np.uint8), codes)
    return train_network(options, examples, Examples(examples.images[:0], codes[:0]), 3, seed=0).network


class TestDreamGradient:
    @pytest.mark.parametrize("layer", LAYERS)
    def test_it_is_the_gradient_of_half_the_squared_norm(self, layer):
        """K13: no difference at all."""
        network = untrained((16, 20, 3))
        images = to_tensor(noise(3, 16, 20, 3)).requires_grad_(True)
        (answer,) = activations(network, images, [layer])
        (wanted,) = torch.autograd.grad(0.5 * (answer**2).sum(), images)
        gradient, norms = dream_gradient(network, images, layer)
        assert torch.equal(gradient, wanted)
        assert gradient.abs().max() > 0
        np.testing.assert_allclose(norms, [float(row.detach().norm()) for row in answer], rtol=1e-5)

    def test_it_leaves_the_network_as_it_was(self):
        network = untrained((16, 16, 1))
        dream_gradient(network, to_tensor(noise(2, 16, 16, 1)), "trunk")
        assert all(parameter.grad is None for parameter in network.parameters())
        assert not any(module._forward_hooks for module in network.modules())


class TestDeepDream:
    @pytest.mark.parametrize("layer", [None, *LAYERS[:-1]])
    @pytest.mark.parametrize("shape", [(16, 12, 3), (20, 20, 1)])
    def test_the_norm_rises_every_step(self, layer, shape, trained):
        network = trained if shape == (16, 12, 3) else untrained(shape)
        found = deep_dream(network, noise(3, *shape) // 4 + 90, layer, Dream(steps=8), "rgb")
        assert found.norms.shape == (9, 3)
        assert (np.diff(found.norms, axis=0) > 0).all()
        assert found.images.dtype == np.uint8
        assert found.images.shape == (3, *shape)

    def test_one_step_is_the_rule(self, trained):
        start = noise(2, 16, 12, 3)
        gradient, _ = dream_gradient(trained, to_tensor(start), "trunk")
        change = gradient / gradient.abs().mean(dim=(1, 2, 3), keepdim=True)
        wanted = (to_tensor(start) + 0.03 * change).clamp(0, 1).permute(0, 2, 3, 1).numpy() * 255
        found = deep_dream(trained, start, None, Dream(steps=1, rate=0.03), "rgb")
        assert np.abs(found.images - wanted).max() <= 0.501

    def test_images_dream_alone(self, trained):
        start = noise(3, 16, 12, 3)
        together = deep_dream(trained, start, None, Dream(steps=3), "rgb").norms
        alone = deep_dream(trained, start[1:2], None, Dream(steps=3), "rgb").norms
        np.testing.assert_allclose(together[:, 1], alone[:, 0], rtol=1e-4)

    def test_an_image_that_nothing_answers_to_stays(self):
        network = untrained((16, 16, 1))
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.zero_()
        start = noise(2, 16, 16, 1)
        found = deep_dream(network, start, None, Dream(steps=2), "gray")
        assert np.array_equal(found.images, start)
        assert not found.norms.any()

    def test_hue_stays_a_hue(self):
        start = noise(2, 16, 16, 3)
        start[..., 0] = 175
        found = deep_dream(untrained((16, 16, 3)), start, None, Dream(steps=5, rate=0.1), "hsv")
        assert found.images[..., 0].max() == 179
        assert found.images[..., 1:].max() == 255

    @pytest.mark.parametrize(
        ("layer", "words"), [("trunk.9", "no module 'trunk.9'"), ("trunck", "did you mean 'trunk'")]
    )
    def test_an_unknown_layer_is_a_sentence(self, layer, words, trained):
        with pytest.raises(UserError, match=words):
            deep_dream(trained, noise(1, 16, 12, 3), layer, Dream(), "rgb")

    def test_a_layer_that_is_never_used_is_a_sentence(self):
        network = untrained((16, 16, 1))
        network.spare = torch.nn.Linear(2, 2)
        with pytest.raises(UserError, match="does not use its module 'spare'"):
            deep_dream(network, noise(1, 16, 16, 1), "spare", Dream(), "gray")


class TestClassPictures:
    def test_the_network_is_sure_of_them(self, trained):
        found = class_pictures(trained, np.arange(3), (16, 12, 3), Dream(class_steps=100), "rgb", seed=0)
        assert found.images.shape == (3, 16, 12, 3)
        assert (found.probabilities > 0.998).all()

    def test_the_probability_is_that_of_the_picture_as_shown(self, trained):
        codes = np.array([2, 0])
        found = class_pictures(trained, codes, (16, 12, 3), Dream(class_steps=3), "rgb", seed=0)
        logits, _ = run_network(trained, found.images)
        assert np.array_equal(found.probabilities, softmax(logits)[[0, 1], codes])

    def test_equal_seeds_draw_equal_pictures(self, trained):
        def drawn(seed: int) -> np.ndarray:
            return class_pictures(
                trained, np.arange(3), (16, 12, 3), Dream(class_steps=4), "rgb", seed
            ).images

        assert np.array_equal(drawn(0), drawn(0))
        assert not np.array_equal(drawn(0), drawn(1))

    def test_smoothness_makes_smooth_pictures(self, trained):
        def roughness(smoothness: float) -> float:
            settings = Dream(class_steps=40, smoothness=smoothness)
            images = class_pictures(trained, np.arange(2), (16, 12, 3), settings, "rgb", seed=0).images
            return float(np.abs(np.diff(images.astype(int), axis=1)).mean())

        assert roughness(100) < roughness(2) < roughness(0)

    def test_two_classes_and_gray_images(self):
        network = untrained((9, 14, 1), classes=2)
        found = class_pictures(
            network, np.arange(2), (9, 14, 1), Dream(class_steps=30, smoothness=0), "gray", seed=0
        )
        before = class_pictures(
            network, np.arange(2), (9, 14, 1), Dream(class_steps=1, smoothness=0), "gray", seed=0
        )
        assert found.images.shape == (2, 9, 14, 1)
        assert (found.probabilities > before.probabilities).all()

    def test_hue_stays_a_hue(self, trained):
        settings = Dream(class_steps=60, smoothness=0)
        found = class_pictures(trained, np.arange(3), (16, 12, 3), settings, "hsv", seed=0)
        assert found.images[..., 0].max() <= 179 < found.images[..., 1:].max()


class TestSheets:
    @pytest.mark.parametrize(("color", "channels"), [("rgb", 3), ("hsv", 3), ("gray", 1)])
    def test_they_are_pictures_of_equal_bytes(self, color, channels):
        from PIL import Image

        network = untrained((12, 12, channels))
        start = noise(2, 12, 12, channels) // 2
        dreams = deep_dream(network, start, None, Dream(steps=1), color)
        drawn = ClassPictures(noise(23, 12, 12, channels) // 2, np.linspace(0, 1, 23))
        names = [f"class {number} <b>$x$" for number in range(23)]
        for draw in (
            lambda: class_sheet(names, drawn, color),
            lambda: dream_sheet(["a.jpg", "b.jpg"], start, dreams, color),
        ):
            picture = draw()
            assert picture == draw()
            assert Image.open(io.BytesIO(picture)).width <= 1400

    def test_more_classes_make_more_rows(self):
        from PIL import Image

        def height(count: int) -> int:
            drawn = ClassPictures(noise(count, 12, 12, 1), np.ones(count))
            return Image.open(io.BytesIO(class_sheet(["x"] * count, drawn, "gray"))).height

        assert height(10) < height(11) < height(21)
