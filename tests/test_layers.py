"""Layers, their maps and their receptive fields, against computations by hand."""

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from evenlight.errors import UserError
from evenlight.explain.layers import (
    convolution_layers,
    feature_maps,
    filters,
    hooked,
    listening,
    maps_by_batch,
)
from evenlight.explain.receptive_field import Extent, receptive_boxes, receptive_field
from evenlight.models.cnn import Network, build_network, global_average
from evenlight.models.cnn_options import CnnOptions
from evenlight.models.training import to_tensor


def network_of(trunk, channels=1):
    return Network(channels, trunk, global_average(), nn.Identity()).eval()


def built(name, shape):
    torch.manual_seed(0)
    network = build_network(CnnOptions(kind="cnn", network=name), shape, 3)
    network.set_normalization(np.full(shape[2], 0.4), np.full(shape[2], 0.2))
    return network.eval()


def noise(count, *shape):
    return np.random.Generator(np.random.PCG64(0)).integers(0, 256, (count, *shape), dtype=np.uint8)


class Residual(nn.Module):
    """Two paths that meet: 3 x 3 twice, and a shortcut of 1 x 1."""

    def __init__(self, channels):
        super().__init__()
        self.first = nn.Conv2d(channels, 4, 3, padding=1)
        self.relu = nn.ReLU()
        self.second = nn.Conv2d(4, 4, 3, padding=1)
        self.shortcut = nn.Conv2d(channels, 4, 1)
        self.last_relu = nn.ReLU()

    def forward(self, images):
        return self.last_relu(self.second(self.relu(self.first(images))) + self.shortcut(images))


class TestLayers:
    def test_of_the_small_network(self):
        layers = convolution_layers(built("small", (16, 24, 3)), (16, 24, 3))
        assert [(layer.convolution, layer.name) for layer in layers] == [
            (f"trunk.{number}.0", f"trunk.{number}.2") for number in range(3)
        ]
        assert [layer.shape for layer in layers] == [(16, 16, 24), (32, 8, 12), (64, 4, 6)]

    def test_are_in_the_order_of_computing_and_end_where_paths_meet(self):
        class Backwards(nn.Module):
            def __init__(self):
                super().__init__()
                self.later = nn.Conv2d(2, 3, 1)
                self.earlier = nn.Conv2d(1, 2, 1)
                self.act = nn.GELU()

            def forward(self, images):
                return self.later(self.act(self.earlier(images)))

        layers = convolution_layers(network_of(Backwards()), (8, 8, 1))
        assert [layer.name for layer in layers] == ["trunk.act", "trunk.later"]
        names = [layer.name for layer in convolution_layers(network_of(Residual(1)), (8, 8, 1))]
        assert names == ["trunk.relu", "trunk.second", "trunk.shortcut"]

    def test_an_activation_that_is_used_twice_names_no_layer(self):
        shared = nn.ReLU()
        trunk = nn.Sequential(nn.Conv2d(1, 2, 3), shared, nn.Conv2d(2, 2, 3), shared)
        layers = convolution_layers(network_of(trunk), (9, 9, 1))
        assert [layer.name for layer in layers] == ["trunk.0", "trunk.2"]

    def test_filters_are_the_weights(self):
        network = built("course", (12, 12, 1))
        layers = convolution_layers(network, (12, 12, 1))
        assert (filters(network, layers[1]) == network.trunk[3].weight.detach().numpy()).all()


class TestMaps:
    def test_are_those_of_a_forward_pass_by_hand(self):
        network, images = built("small", (16, 20, 3)), noise(5, 16, 20, 3)
        with torch.inference_mode():
            values = (to_tensor(images) - network.mean) / network.deviation
            first = network.trunk[0][2](network.trunk[0][1](network.trunk[0][0](values)))
            last = network.trunk(values)
        maps = feature_maps(network, images, ["trunk", "trunk.0.2"])
        np.testing.assert_array_equal(maps["trunk.0.2"], first.numpy())
        np.testing.assert_array_equal(maps["trunk"], last.numpy())

    def test_first_convolution_by_opencv(self):
        """`cv2.filter2D` correlates as a convolution layer does; inside, edges don't matter."""
        network, images = built("course", (14, 18, 1)), noise(1, 14, 18, 1)
        network.set_normalization(np.zeros(1), np.ones(1))
        maps = feature_maps(network, images, ["trunk.0"])["trunk.0"][0]
        first = network.trunk[0]
        values = images[0, ..., 0] / 255
        for channel, kernel in enumerate(first.weight.detach().numpy()[:, 0]):
            filtered = cv2.filter2D(values, cv2.CV_64F, kernel.astype(np.float64))[1:-1, 1:-1]
            bias = float(first.bias.detach()[channel])
            np.testing.assert_allclose(maps[channel] - bias, filtered, rtol=0, atol=1e-6)

    def test_many_images_come_in_batches(self, monkeypatch):
        network, images = built("course", (12, 12, 1)), noise(7, 12, 12, 1)
        whole = feature_maps(network, images, ["trunk.4"])["trunk.4"]
        monkeypatch.setattr("evenlight.explain.layers._BATCH_PIXELS", 3 * 144)
        parts = list(maps_by_batch(network, images, ["trunk.4"]))
        assert [start for start, _ in parts] == [0, 3, 6]
        np.testing.assert_allclose(np.concatenate([part["trunk.4"] for _, part in parts]), whole, atol=1e-6)

    def test_what_is_added_to_in_place_stays_as_it_was(self):
        class InPlace(nn.Module):
            def __init__(self):
                super().__init__()
                self.conv = nn.Conv2d(1, 1, 1)

            def forward(self, images):
                values = self.conv(images)
                values += 100
                return values

        network = network_of(InPlace())
        assert abs(feature_maps(network, noise(1, 4, 4, 1), ["trunk.conv"])["trunk.conv"]).max() < 50

    def test_gradients_flow_through_what_is_heard(self):
        network = built("course", (12, 12, 1))
        images = to_tensor(noise(1, 12, 12, 1)).requires_grad_()
        with listening(network, ["trunk.3"]) as outputs:
            network(images)
        assert torch.autograd.grad(outputs["trunk.3"].sum(), images)[0].abs().sum() > 0

    @pytest.mark.parametrize("name", ["trunk.99", "trunk.o"])
    def test_an_unknown_module_is_named(self, name):
        with pytest.raises(UserError, match=f"no module '{name}'"):
            feature_maps(built("course", (12, 12, 1)), noise(1, 12, 12, 1), [name])

    def test_a_module_that_is_not_used_is_named(self):
        network = built("course", (12, 12, 1))
        network.spare = nn.Conv2d(1, 1, 1)
        with pytest.raises(UserError, match="does not use its module 'spare'"):
            feature_maps(network, noise(1, 12, 12, 1), ["spare"])


class TestHooks:
    @pytest.mark.parametrize("fails", [True, False])
    def test_are_gone_whatever_happens(self, fails):
        network = built("small", (8, 8, 1))
        images = noise(1, 8, 8, 3 if fails else 1)  # three channels, of which it knows one
        if fails:
            with pytest.raises(RuntimeError):
                feature_maps(network, images, ["trunk.0.0", "trunk.1"])
            with pytest.raises(RuntimeError):
                convolution_layers(network, (8, 8, 3))
        else:
            feature_maps(network, images, ["trunk.0.0", "trunk.1"])
            receptive_field(network, "trunk.1.0", (8, 8, 1))
        assert not any(module._forward_hooks for module in network.modules())

    def test_are_gone_after_an_error_of_their_own(self):
        def fail(module, given, output):
            raise KeyError("mine")

        network = built("small", (8, 8, 1))
        with pytest.raises(KeyError), hooked(list(network.modules()), fail):
            network(torch.zeros(1, 1, 8, 8))
        assert not any(module._forward_hooks for module in network.modules())


class TestReceptiveField:
    @pytest.mark.parametrize(
        ("network", "layer", "size", "stride"),
        [
            ("course", "trunk.1", 3, 1),
            ("course", "trunk.4", 8, 2),
            ("course", "trunk.5", 10, 4),
            ("small", "trunk.0.2", 3, 1),
            ("small", "trunk.1.2", 8, 2),
            ("small", "trunk.2.2", 18, 4),
        ],
    )
    def test_by_hand(self, network, layer, size, stride):
        extent = Extent(size, stride, exact=True)
        shape = (28, 36, 1)
        assert receptive_field(built(network, shape), layer, shape) == (extent, extent)

    def test_boxes_by_hand_and_clipped_at_the_edges(self):
        """conv 3 x 3 with padding 1, stride 2: unit y sees 2 y - 1 to 2 y + 1."""
        network = network_of(nn.Sequential(nn.Conv2d(1, 3, 3, stride=2, padding=1)))
        units = np.array([[0, 0], [1, 2], [3, 4], [1, 2]])
        boxes = receptive_boxes(network, "trunk.0", units, (8, 10, 1))
        assert boxes.tolist() == [[0, 0, 2, 2], [1, 3, 4, 6], [5, 7, 8, 10], [1, 3, 4, 6]]

    def test_the_longer_path_of_a_residual_counts(self):
        network = network_of(nn.Sequential(Residual(2), Residual(4), nn.MaxPool2d(2)), channels=2)
        shape = (24, 30, 2)
        for layer, size, stride in (("trunk.0.shortcut", 1, 1), ("trunk.0", 5, 1), ("trunk.2", 10, 2)):
            assert receptive_field(network, layer, shape) == (Extent(size, stride, True),) * 2

    def test_rows_and_columns_may_differ(self):
        network = network_of(nn.Sequential(nn.Conv2d(1, 1, (1, 5), stride=(1, 2)), nn.MaxPool2d((2, 1))))
        field = receptive_field(network, "trunk.1", (12, 25, 1))
        assert field == (Extent(2, 2, True), Extent(5, 2, True))

    def test_where_all_units_see_an_edge_it_is_said(self):
        network = network_of(nn.Sequential(nn.Conv2d(1, 1, 15, padding=7)))
        assert receptive_field(network, "trunk.0", (8, 8, 1))[0] == Extent(8, None, exact=False)

    def test_weights_of_zero_and_units_that_are_off_do_not_matter(self):
        network = built("small", (16, 16, 1))
        for parameter in network.parameters():
            parameter.data.fill_(-1.0)
        assert receptive_field(network, "trunk.1.2", (16, 16, 1))[0].size == 8

    def test_what_is_not_in_the_trunk_is_refused(self):
        with pytest.raises(UserError, match="no module of the network's trunk"):
            receptive_field(built("course", (12, 12, 1)), "head.1", (12, 12, 1))

    @given(
        st.lists(
            st.tuples(
                st.sampled_from(["conv", "max", "mean"]),
                st.integers(1, 4),  # kernel
                st.integers(1, 2),  # stride
                st.integers(0, 1),  # padding
                st.integers(1, 2),  # dilation
            ),
            min_size=1,
            max_size=3,
        )
    )
    @settings(max_examples=40)
    def test_chains_against_the_closed_formula(self, steps):
        size, jump, start = 1, 1, 0
        modules = []
        for kind, kernel, stride, padding, dilation in steps:
            padding = min(padding, kernel // 2)
            dilation = 1 if kind == "mean" else dilation
            modules.append(
                {
                    "conv": lambda k, s, p, d: nn.Conv2d(1, 1, k, s, p, d),
                    "max": lambda k, s, p, d: nn.MaxPool2d(k, s, p, d),
                    "mean": lambda k, s, p, _: nn.AvgPool2d(k, s, p),
                }[kind](kernel, stride, padding, dilation)
            )
            modules.append(nn.ReLU())
            size += dilation * (kernel - 1) * jump
            start -= padding * jump
            jump *= stride
        shape = (64, 64, 1)
        network, name = network_of(nn.Sequential(*modules)), f"trunk.{len(modules) - 1}"
        assert receptive_field(network, name, shape) == (Extent(size, jump, True),) * 2
        middle = 64 // jump // 2
        box = receptive_boxes(network, name, np.array([[middle, middle]]), shape)[0]
        assert box.tolist() == [start + middle * jump] * 2 + [start + middle * jump + size] * 2

    def test_pooling_over_a_rest_at_the_far_edge(self):
        network = network_of(nn.Sequential(nn.MaxPool2d(2, ceil_mode=True)))
        assert receptive_boxes(network, "trunk.0", np.array([[3, 3]]), (7, 7, 1)).tolist() == [[6, 6, 7, 7]]

    @pytest.mark.filterwarnings("ignore:Using padding='same'")
    @pytest.mark.parametrize("padding", ["same", "valid"])
    def test_padding_by_name(self, padding):
        network = network_of(nn.Sequential(nn.Conv2d(1, 1, 4, padding=padding)))
        corner, inner = receptive_boxes(network, "trunk.0", np.array([[0, 0], [4, 4]]), (12, 12, 1))
        assert corner.tolist() == ([0, 0, 3, 3] if padding == "same" else [0, 0, 4, 4])
        assert inner.tolist() == ([3, 3, 7, 7] if padding == "same" else [4, 4, 8, 8])

    def test_one_gray_channel_where_the_normalization_has_three(self):
        network = network_of(nn.Sequential(nn.Conv2d(3, 2, 3)), channels=3)
        assert receptive_field(network, "trunk.0", (9, 9, 1))[0].size == 3
