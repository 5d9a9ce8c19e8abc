"""Heat maps: known answers on networks whose truth can be written down, and networks that must be refused."""

import warnings

import numpy as np
import pytest
import torch
from torch import nn

from evenlight.errors import UserError
from evenlight.explain.attribution import METHODS, attribute, for_inference, signed_maps
from evenlight.explain.settings import Explain
from evenlight.models.cnn import Network, build_network, global_average
from evenlight.models.cnn_options import CnnOptions
from evenlight.models.training import prepare_torch

HEIGHT, WIDTH = 8, 10


@pytest.fixture(autouse=True)
def _torch():
    prepare_torch(0)


def settings(**changes) -> Explain:
    return Explain(**changes)


def pictures(count: int, channels: int = 1, height: int = HEIGHT, width: int = WIDTH) -> torch.Tensor:
    draws = np.random.default_rng(channels)
    return torch.from_numpy(draws.random((count, channels, height, width)).astype(np.float32))


def linear(channels: int = 1) -> tuple[Network, np.ndarray]:
    """Logits = weights of a class times pixels; the weights (3, C, H, W)."""
    layer = nn.Linear(channels * HEIGHT * WIDTH, 3)
    network = Network(channels, nn.Identity(), nn.Flatten(), layer).eval()
    return network, layer.weight.detach().numpy().reshape(3, channels, HEIGHT, WIDTH)


def averaging(channels: int = 1) -> Network:
    """Trunk without pooling, so that its maps are as large as the image; global average; linear."""
    trunk = nn.Sequential(nn.Conv2d(channels, 6, 3, padding=1), nn.ReLU())
    return Network(channels, trunk, global_average(), nn.Linear(6, 3)).eval()


def small(channels: int = 3, height: int = 24, width: int = 17, name: str = "small") -> Network:
    """With statistics of its own in every batch normalization, as after training."""
    network = build_network(CnnOptions(kind="cnn", network=name), (height, width, channels), 4).eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 2)
    network.set_normalization(np.full(channels, 0.4), np.full(channels, 0.3))
    return network


class FunctionalTrunk(nn.Module):
    """One ReLU as a module, one as a function, on a way that torch.fx can't trace."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.relu, self.second = nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        hidden = self.relu(self.first(images))
        return torch.relu(self.second(hidden)) if hidden.mean() > -1 else hidden


class TestLinearModel:
    """K12."""

    targets = np.array([2, 0, 1])

    def of(self, method: str, channels: int = 1, **changes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        network, weights = linear(channels)
        images = pictures(3, channels)
        found = attribute(network, images, self.targets, method, settings(**changes))
        return found, weights[self.targets], images.numpy()

    @pytest.mark.parametrize("channels", [1, 3])
    def test_saliency_is_the_largest_absolute_weight(self, channels):
        found, weights, _ = self.of("saliency", channels)
        np.testing.assert_array_equal(found, np.abs(weights).max(axis=1))

    @pytest.mark.parametrize("channels", [1, 3])
    def test_integrated_gradients_are_pixel_times_weight(self, channels):
        found, weights, images = self.of("integrated_gradients", channels)
        np.testing.assert_allclose(found, (weights * images).sum(axis=1), atol=1e-6)

    @pytest.mark.parametrize("channels", [1, 3])
    def test_occlusion_of_one_pixel_is_pixel_times_weight(self, channels):
        found, weights, images = self.of("occlusion", channels, window=0.1)
        np.testing.assert_allclose(found, (weights * images).sum(axis=1), atol=1e-6)

    def test_occlusion_is_the_mean_over_the_windows_of_a_pixel(self):
        found, weights, images = self.of("occlusion", window=0.4)
        drops = (weights * images).sum(axis=1)
        total, windows = np.zeros_like(drops), np.zeros_like(drops)
        for top in range(0, HEIGHT - 3 + 1):  # windows of 3 x 4 pixels, moved by 1 and 2
            for left in range(0, WIDTH - 4 + 1, 2):
                window = np.s_[:, top : top + 3, left : left + 4]
                total[window] += drops[window].sum(axis=(1, 2))[:, None, None]
                windows[window] += 1
        np.testing.assert_allclose(found, total / windows, atol=1e-6)

    def test_the_gradient_keeps_its_sign_where_that_is_compared(self):
        network, weights = linear(3)
        found = signed_maps(network, pictures(3, 3), self.targets, "saliency", settings())
        np.testing.assert_allclose(found, weights[self.targets].sum(axis=1), atol=1e-6)


class TestGradCam:
    def test_behind_global_averages_it_is_cam_and_adds_up_to_the_logit(self):
        network, images = averaging(), pictures(4)
        targets = np.array([0, 1, 2, 0])
        found = attribute(network, images, targets, "grad_cam", settings())
        with torch.no_grad():
            maps, logits = network.maps(images), network(images)
        cam = torch.einsum("nd,ndhw->nhw", network.classifier.weight[targets], maps).detach().numpy()
        np.testing.assert_allclose(found * HEIGHT * WIDTH, cam, atol=1e-5)
        bias = network.classifier.bias.detach().numpy()
        np.testing.assert_allclose(
            found.sum(axis=(1, 2)) + bias[targets], logits.numpy()[np.arange(4), targets], atol=1e-5
        )
        assert (found < 0).any()  # no ReLU: what speaks against the class is shown too

    def test_it_is_enlarged_as_images_are(self):
        network = small()
        images = pictures(2, 3, 24, 17)
        found = attribute(network, images, np.array([1, 2]), "grad_cam", settings())
        maps = network.maps(images)
        score = network.classifier(network.head(maps))[[0, 1], [1, 2]].sum()
        weights = torch.autograd.grad(score, maps)[0].mean(dim=(2, 3), keepdim=True)
        coarse = (weights * maps).sum(dim=1, keepdim=True)
        expected = nn.functional.interpolate(coarse, (24, 17), mode="bilinear", align_corners=False)
        np.testing.assert_allclose(found, expected[:, 0].detach().numpy(), atol=1e-7)

    def test_another_layer_gives_another_map(self):
        network, images = small(), pictures(2, 3, 24, 17)
        maps = [
            attribute(network, images, np.zeros(2, int), "grad_cam", settings(layer=layer))
            for layer in ("trunk", "trunk.2", "trunk.0")
        ]
        np.testing.assert_array_equal(maps[0], maps[1])
        assert np.abs(maps[0] - maps[2]).max() > 1e-4

    @pytest.mark.parametrize(
        ("layer", "words"),
        [
            ("trunk.O.1", "no module 'trunk.O.1'; did you mean 'trunk"),
            ("", "no module ''"),
            ("head", "'head' does not give"),
        ],
    )
    def test_a_wrong_layer_is_a_sentence(self, layer, words):
        with pytest.raises(UserError, match=words):
            attribute(small(), pictures(1, 3, 24, 17), np.zeros(1, int), "grad_cam", settings(layer=layer))


class TestGuidedBackprop:
    def test_only_positive_gradients_pass_a_relu(self):
        """K15: as written down by hand, and not the gradient."""
        network, images = averaging(), pictures(3)
        targets = np.array([0, 1, 2])
        found = attribute(network, images, targets, "guided_backprop", settings())
        convolution = network.trunk[0]
        with torch.no_grad():
            hidden = convolution(images)
            back = network.classifier.weight[targets][:, :, None, None] / (HEIGHT * WIDTH)
            kept = (hidden > 0) * back.clamp(min=0)
            expected = nn.functional.conv_transpose2d(kept, convolution.weight, padding=1)[:, 0]
        np.testing.assert_allclose(found, expected.numpy(), atol=1e-7)
        gradient = signed_maps(network, images, targets, "saliency", settings())
        assert np.abs(found - gradient).max() > 0.1 * np.abs(gradient).max()

    @pytest.mark.parametrize("name", ["small", "course"])
    def test_our_networks_are_fit_for_it(self, name):
        network, images = small(name=name), pictures(2, 3, 24, 17)
        guided, gradient = (
            signed_maps(network, images, np.array([0, 3]), method, settings())
            for method in ("guided_backprop", "saliency")
        )
        assert np.abs(guided - gradient).max() > 0.1 * np.abs(gradient).max()

    def test_a_relu_called_as_a_function_is_refused(self):
        network = Network(1, FunctionalTrunk(), global_average(), nn.Linear(4, 2))
        with pytest.raises(UserError, match="would miss 1 of 2 ReLUs"):
            attribute(network, pictures(1), np.zeros(1, int), "guided_backprop", settings())

    def test_a_network_without_relus_is_refused(self):
        with pytest.raises(UserError, match="has none"):
            attribute(linear()[0], pictures(1), np.zeros(1, int), "guided_backprop", settings())

    def test_a_relu_used_twice_or_in_place_is_fine(self):
        shared = nn.ReLU(inplace=True)
        trunk = nn.Sequential(nn.Conv2d(1, 4, 3), shared, nn.Conv2d(4, 4, 3), shared)
        network = Network(1, trunk, global_average(), nn.Linear(4, 2))
        found = attribute(network, pictures(2), np.array([0, 1]), "guided_backprop", settings())
        assert np.isfinite(found).all()


class TestEveryMethod:
    @pytest.mark.parametrize("method", METHODS)
    @pytest.mark.parametrize(("channels", "height", "width"), [(1, 12, 21), (3, 24, 17)])
    def test_shape_and_type_and_nothing_else_changes(self, method, channels, height, width, monkeypatch):
        network, images = small(channels, height, width), pictures(5, channels, height, width)
        before = {name: value.clone() for name, value in network.state_dict().items()}
        given, targets = images.clone(), np.array([0, 1, 2, 3, 0])
        quick = settings(window=0.5, integration_steps=8)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = attribute(network, images, targets, method, quick)
        assert (found.shape, found.dtype) == ((5, height, width), np.float32)
        assert np.abs(found).max() > 0
        assert (found >= 0).all() == (not METHODS[method].signed)
        np.testing.assert_array_equal(found, attribute(network, images, targets, method, quick))
        monkeypatch.setattr("evenlight.explain.attribution.BATCH_PIXELS", 2 * height * width)
        cut = attribute(network, images, targets, method, quick)
        np.testing.assert_allclose(cut, found, atol=1e-4 * np.abs(found).max())
        assert torch.equal(images, given)
        assert not images.requires_grad
        assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
        assert all(parameter.grad is None for parameter in network.parameters())
        hooks = [(m._forward_hooks, m._forward_pre_hooks, m._backward_hooks) for m in network.modules()]
        assert not any(some for three in hooks for some in three)

    @pytest.mark.parametrize("method", METHODS)
    def test_a_class_is_explained_by_its_own_score(self, method):
        network, images = small(), pictures(1, 3, 24, 17)
        maps = [attribute(network, images, np.array([k]), method, settings()) for k in (0, 1)]
        assert np.abs(maps[0] - maps[1]).max() > 1e-5

    @pytest.mark.parametrize("method", METHODS)
    def test_values_that_are_not_finite_are_refused(self, method):
        network = averaging()
        network.classifier.weight.data.fill_(float("nan"))
        with pytest.raises(UserError, match="not finite"):
            attribute(network, pictures(1), np.zeros(1, int), method, settings())

    @pytest.mark.parametrize("method", METHODS)
    def test_no_images(self, method):
        assert attribute(averaging(), pictures(0), np.zeros(0, int), method, settings()).shape == (0, 8, 10)

    @pytest.mark.parametrize("method", METHODS)
    def test_captions_say_what_and_who(self, method):
        assert "captum" in METHODS[method].caption
        assert METHODS[method].sanity
        if method == "guided_backprop":
            assert "negative gradients set to zero" in METHODS[method].caption

    def test_unknown_is_a_sentence(self):
        with pytest.raises(UserError, match="no method 'gradcam'; did you mean 'grad_cam'"):
            attribute(averaging(), pictures(1), np.zeros(1, int), "gradcam", settings())


def test_integrated_gradients_add_up_to_the_change_of_the_score():
    network, images = small(), pictures(3, 3, 24, 17)
    targets = np.array([0, 1, 2])
    found = attribute(network, images, targets, "integrated_gradients", settings(integration_steps=200))
    with torch.no_grad():
        change = (network(images) - network(torch.zeros_like(images)))[np.arange(3), targets]
    np.testing.assert_allclose(found.sum(axis=(1, 2)), change.numpy(), atol=0.02)


def test_occlusion_is_the_drop_of_the_score():
    network, images = small(), pictures(2, 3, 24, 17)
    found = attribute(network, images, np.array([1, 3]), "occlusion", settings(window=1.0))
    with torch.no_grad():
        drop = (network(images) - network(torch.zeros_like(images)))[[0, 1], [1, 3]].numpy()
    np.testing.assert_allclose(found, np.broadcast_to(drop[:, None, None], found.shape), atol=1e-5)


@pytest.mark.parametrize("name", ["small", "course"])
def test_the_fast_copy_gives_the_same_logits(name):
    network, images = small(name=name), pictures(4, 3, 24, 17)
    fast = for_inference(network)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in fast.modules())
    with torch.no_grad():
        np.testing.assert_allclose(fast(images).numpy(), network(images).numpy(), atol=1e-5)


def test_every_method_points_to_the_thing():
    """Pointing game (Zhang et al. 2018): a patch of upright stripes in noise, seen by a network made by hand.

    Half of its filters answer to upright stripes, half to lying ones; class 0 counts the former, class 1 the latter.
    """
    upright = torch.tensor([[-1.0, 2, -1]] * 3)
    trunk = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU())
    network = Network(1, trunk, global_average(), nn.Linear(4, 2)).eval()
    trunk[0].weight.data = torch.stack([upright, -upright, upright.T, -upright.T])[:, None] / 6
    trunk[0].bias.data.fill_(-0.3)
    network.classifier.weight.data = torch.tensor([[1.0, 1, -1, -1], [-1, -1, 1, 1]])
    draws = np.random.default_rng(0)
    images = (0.4 + 0.2 * draws.random((24, 1, 32, 32))).astype(np.float32)
    stripes = (np.arange(9) % 2).astype(np.float32)
    places = draws.integers(1, 22, size=(24, 2))
    classes = np.arange(24) % 2
    for image, (top, left), code in zip(images, places, classes, strict=True):
        patch = np.broadcast_to(stripes, (9, 9))
        image[0, top : top + 9, left : left + 9] = patch.T if code else patch
    for method in METHODS:
        maps = attribute(network, torch.from_numpy(images), classes, method, settings())
        tops, lefts = np.unravel_index(maps.reshape(24, -1).argmax(axis=1), (32, 32))
        hits = (np.abs(tops - places[:, 0] - 4) <= 5) & (np.abs(lefts - places[:, 1] - 4) <= 5)
        assert hits.mean() >= 0.9, method
