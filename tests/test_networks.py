"""Networks: their parts fit together, torchvision's compute what torchvision computes, published weights."""

import urllib.error
from collections import Counter

import numpy as np
import pytest
import torch
from torch import nn

from evenlight.errors import UserError
from evenlight.models import networks as package
from evenlight.models import shrinking
from evenlight.models.cnn import Network, build_network
from evenlight.models.cnn_options import SMALL_SHARE, CnnOptions
from evenlight.models.inference import to_tensor
from evenlight.models.shrinking import shrink
from evenlight.models.training import Examples, train_network
from evenlight.plugins import constants

CLASSES = 3
SHAPES = {
    "course": (12, 17, 1),
    "small": (9, 16, 3),
    "fast_resnet": (9, 16, 1),
    "resnet18": (32, 45, 3),
    "alexnet": (63, 70, 1),
    "vgg16": (32, 32, 1),
}


def options(network: str, **changes) -> CnnOptions:
    return CnnOptions(kind="cnn", network=network, **changes)


def images(shape: tuple[int, int, int], count: int = 2) -> torch.Tensor:
    height, width, channels = shape
    return torch.rand(count, channels, height, width, generator=torch.Generator().manual_seed(0))


def build(name: str, shape: tuple[int, int, int] | None = None, **changes) -> Network:
    torch.manual_seed(0)
    return build_network(options(name, **changes), shape or SHAPES[name], CLASSES).eval()


@pytest.fixture(scope="module")
def networks() -> dict[str, Network]:
    """Each built once: VGG-16 has 134 million weights to draw."""
    return {name: build(name) for name in SHAPES}


@pytest.mark.parametrize("name", SHAPES)
class TestEveryNetwork:
    def test_three_parts_fit(self, networks, name):
        network, batch = networks[name], images(SHAPES[name])
        with torch.inference_mode():
            maps, features, logits = network.maps(batch), network.features(batch), network(batch)
            assert torch.equal(network.classifier(network.head(maps)), logits)
        assert (maps.ndim, features.ndim, logits.shape) == (4, 2, (2, CLASSES))
        last = network.classifier[-1]
        assert isinstance(last, nn.Linear)
        assert last.in_features == features.shape[1]

    def test_relus_are_modules_used_once_and_not_in_place(self, networks, name):
        network, calls = networks[name], Counter()
        relus = {label: module for label, module in network.named_modules() if isinstance(module, nn.ReLU)}
        hooks = [
            module.register_forward_hook(lambda *_, label=label: calls.update([label]))
            for label, module in relus.items()
        ]
        with torch.inference_mode():
            network(images(SHAPES[name], 1))
        for hook in hooks:
            hook.remove()
        assert calls == dict.fromkeys(relus, 1)
        assert not any(module.inplace for module in relus.values())

    def test_dropout_is_the_option(self, networks, name):
        """Torchvision's own .5 would be applied whatever params.yaml says."""
        rates = [module.p for module in networks[name].modules() if isinstance(module, nn.Dropout)]
        assert rates
        assert set(rates) == {0.2}

    def test_its_constants_say_what_it_is(self, networks, name):
        """Which params.yaml is checked by, without the network."""
        known, modules = constants(package, name), list(networks[name].modules())
        learned = [m for m in modules if isinstance(m, nn.Conv2d) and m.weight.requires_grad]
        normalizing = sum(isinstance(module, nn.BatchNorm2d) for module in modules)
        assert (normalizing == len(learned)) == known.get("NORMALIZES", False)
        assert known["SMALLEST_SIDE"] <= min(SHAPES[name][:2])
        channels = SHAPES[name][2]
        fits = True
        with torch.inference_mode():
            try:
                networks[name](images((64, 64, channels), 1))
            except RuntimeError:
                fits = False
        assert fits != known.get("ONE_SIZE", False)


class TestFastResnet:
    @staticmethod
    def smooth(count: int, channels: int) -> torch.Tensor:
        """Images whose neighbouring pixels and channels resemble each other."""
        draws = torch.rand(count, channels, 20, 14, generator=torch.Generator().manual_seed(0))
        return nn.functional.avg_pool2d(draws, 3, stride=1) + draws[:, :1, 1:-1, 1:-1] / 4

    @pytest.mark.parametrize("channels", [1, 3])
    def test_its_first_layer_whitens_patches(self, channels):
        """Components of the training patches are uncorrelated and of one size, then come with the other sign."""
        network, batch = build("fast_resnet", (18, 12, channels)), self.smooth(64, channels)
        network.set_normalization(batch.mean((0, 2, 3)).numpy(), batch.std((0, 2, 3)).numpy())
        network.learn(batch)
        with torch.inference_mode():
            found = network.trunk[0]((batch - network.mean) / network.deviation)
        flat = found.transpose(0, 1).flatten(1)
        half = 4 * channels
        assert torch.equal(flat[half:], -flat[:half])
        moments = flat[:half] @ flat[:half].T / flat.shape[1]
        np.testing.assert_allclose(moments, np.eye(half), atol=0.02)

    def test_images_without_any_contrast_give_numbers(self):
        network = build("fast_resnet", (9, 9, 3))
        network.learn(torch.full((4, 3, 9, 9), 0.5))
        with torch.inference_mode():
            assert network(torch.full((4, 3, 9, 9), 0.5)).isfinite().all()

    def test_it_learns_within_a_few_steps_by_muon(self):
        """Horizontal against vertical stripes under noise, in 12 steps; the first layer stays as it was learned."""
        draws = np.random.default_rng(0)
        codes = np.arange(256) % 2
        stripes = (np.arange(12) // 2 % 2 * 80)[:, None]
        pixels = np.where(codes[:, None, None] == 0, stripes, stripes.T) + draws.integers(
            0, 120, (256, 12, 12)
        )
        part = Examples(pixels.astype(np.uint8)[..., None], codes)
        settings = {"batch_size": 64, "optimizer": "muon", "learning_rate": 0.24, "momentum": 0.6}
        outcome = train_network(options("fast_resnet", epochs=3, **settings), part, part, 2, seed=0)
        assert outcome.history[-1].validation_accuracy > 0.97
        first = outcome.network.trunk[0].weight.clone()
        outcome.network.learn(to_tensor(part.images))
        assert torch.equal(outcome.network.trunk[0].weight, first)


class TestTorchvision:
    def test_resnet_computes_what_torchvisions_does(self):
        """Taking it apart and a ReLU per use change no logit."""
        from torchvision.models import resnet18

        torch.manual_seed(0)
        theirs = resnet18(num_classes=CLASSES).eval()
        ours, batch = build("resnet18"), images(SHAPES["resnet18"])
        with torch.inference_mode():
            assert torch.equal(ours(batch), theirs(batch))

    def test_gray_is_repeated(self):
        network, gray = build("resnet18"), images((32, 32, 1))
        network.set_normalization(np.array([0.4]), np.array([0.3]))
        with torch.inference_mode():
            assert torch.equal(network(gray), network(gray.expand(-1, 3, -1, -1)))

    def test_deep_lift_adds_up(self):
        """DeepLift's shares sum to the difference of the logits, which fails where one ReLU module is used twice.

        Its rule for maximum pooling is not exact where windows overlap, so the mean stands in for it.
        """
        from captum.attr import DeepLift

        network, batch = build("resnet18"), images((32, 32, 3), 1)
        network.trunk[3] = nn.AvgPool2d(2)
        base = torch.full_like(batch, 0.5)
        with pytest.warns(UserWarning, match="hooks"):
            shares = DeepLift(network).attribute(batch, base, target=1)
        with torch.inference_mode():
            difference = (network(batch) - network(base))[0, 1]
        assert float(shares.detach().sum()) == pytest.approx(float(difference), rel=1e-3)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """Torch's cache of downloaded weights, empty."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


class TestPublishedWeights:
    FILE = "resnet18-f37072fd.pth"

    def test_they_come_from_the_cache(self, cache):
        """A file put there by hand is used; the last layer is new, the normalization ImageNet's and stays."""
        from torchvision.models import resnet18

        torch.manual_seed(1)
        published = resnet18()
        torch.save(published.state_dict(), cache / self.FILE)
        network = build("resnet18", (32, 32, 3), weights="default")
        assert torch.equal(network.trunk[0].weight, published.conv1.weight)
        assert torch.equal(network.trunk[11].residual[3].weight, published.layer4[1].conv2.weight)
        assert network.classifier[-1].weight.shape == (CLASSES, 512)
        network.set_normalization(np.zeros(3), np.ones(3))
        np.testing.assert_allclose(network.mean.flatten(), [0.485, 0.456, 0.406])
        np.testing.assert_allclose(network.deviation.flatten(), [0.229, 0.224, 0.225])

    @pytest.mark.parametrize(
        "problem", [urllib.error.URLError("no route"), TimeoutError("no route"), ConnectionError("no route")]
    )
    def test_without_a_network_the_sentence_says_what_goes_where(self, cache, monkeypatch, problem):
        def fail(*_, **__):
            raise problem

        monkeypatch.setattr(torch.hub, "download_url_to_file", fail)
        with pytest.raises(UserError) as caught:
            build("resnet18", weights="default")
        said = str(caught.value)
        assert "'resnet18' can't be downloaded (no route)" in said
        assert f"/{self.FILE} at {cache / self.FILE}" in said

    @pytest.mark.parametrize("content", [b"", b"<html>please log in</html>"])
    def test_a_damaged_file_is_named(self, cache, content):
        (cache / self.FILE).write_bytes(content)
        with pytest.raises(UserError, match=f"{self.FILE}: not the published weights of network 'resnet18'"):
            build("resnet18", weights="default")

    def test_weights_of_another_network_are_refused(self, cache):
        torch.save({"weight": torch.zeros(1)}, cache / self.FILE)
        with pytest.raises(UserError, match=f"{self.FILE}: not the published weights"):
            build("resnet18", weights="default")

    @pytest.mark.parametrize("name", ["course", "small", "fast_resnet"])
    def test_ours_have_none(self, name):
        with pytest.raises(UserError, match=f"no published weights of network '{name}'.*weights: none"):
            build(name, weights="default")


def test_too_small_images_are_a_sentence():
    with pytest.raises(UserError, match="'alexnet' needs images of at least 63 pixels"):
        build("alexnet", (62, 64, 3))


class TestSmallFirst:
    """The first part of training on images of three quarters of the side."""

    def test_it_keeps_levels_and_gradients_of_brightness(self):
        images = torch.linspace(0, 1, 24).expand(1, 2, 16, 24)
        small = shrink(images)
        assert small.shape == (1, 2, 12, 18)
        assert small.shape[2:] == tuple(int(SMALL_SHARE * side) for side in (16, 24))
        np.testing.assert_allclose(small[0, 0, 0, 1:-1].diff(), 4 / 3 / 23, atol=2e-3)
        np.testing.assert_allclose(float(small.mean()), 0.5, atol=1e-4)

    def test_it_lasts_for_its_share_of_the_steps(self, monkeypatch):
        heights = []

        def heard(images: torch.Tensor) -> torch.Tensor:
            heights.append(len(images))
            return shrink(images)

        monkeypatch.setattr(shrinking, "shrink", heard)
        part = Examples(np.zeros((40, 12, 12, 1), np.uint8), np.arange(40) % 2)
        train_network(options("small", epochs=2, batch_size=8, small_first=0.3), part, part, 2, seed=0)
        assert heights == [1, 8, 8, 8]  # the check beforehand, then 3 of 10 steps

    @pytest.mark.parametrize(("name", "side"), [("course", 16), ("fast_resnet", 10)])
    def test_a_network_of_one_size_is_refused(self, name, side):
        part = Examples(np.zeros((4, side, side, 1), np.uint8), np.arange(4) % 2)
        with pytest.raises(UserError, match=f"{name!r} can't be trained on smaller images.*{side} x {side}"):
            train_network(options(name, small_first=0.5), part, part, 2, seed=0)
