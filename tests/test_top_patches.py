"""The strongest places of channels, and that their crops are all that their units see."""

import io

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from evenlight.explain.inside_pictures import cut_out, filters_picture, maps_picture, patches_picture
from evenlight.explain.layers import convolution_layers, feature_maps
from evenlight.explain.receptive_field import Extent, receptive_field
from evenlight.explain.top_patches import TopPatches, crop_error, patch_boxes, top_patches
from evenlight.models.cnn import Network, build_network, global_average
from evenlight.models.cnn_options import CnnOptions


def built(name, shape):
    torch.manual_seed(0)
    network = build_network(CnnOptions(kind="cnn", network=name), shape, 3)
    network.set_normalization(np.full(shape[2], 0.4), np.full(shape[2], 0.2))
    return network.eval()


def levels():
    """A network whose only layer gives the grey levels themselves, and their negatives."""
    conv = nn.Conv2d(1, 2, 1, bias=False)
    conv.weight.data = torch.tensor([255.0, -255.0]).view(2, 1, 1, 1)
    return Network(1, nn.Sequential(conv), global_average(), nn.Identity()).eval()


class Sum(nn.Module):
    """Two paths of different reach that meet."""

    def __init__(self, channels):
        super().__init__()
        self.longer = nn.Sequential(
            nn.Conv2d(channels, 6, 3, padding=1), nn.ReLU(), nn.Conv2d(6, 6, 3, padding=1)
        )
        self.shorter = nn.Conv2d(channels, 6, 1)

    def forward(self, images):
        return self.longer(images) + self.shorter(images)


def residual():
    torch.manual_seed(0)
    trunk = nn.Sequential(Sum(1), nn.ReLU(), nn.MaxPool2d(2), Sum(6), nn.Conv2d(6, 6, 1), nn.ReLU())
    return Network(1, trunk, global_average(), nn.Identity()).eval()


def noise(count, *shape, most=256):
    return np.random.Generator(np.random.PCG64(1)).integers(0, most, (count, *shape), dtype=np.uint8)


class TestTopPatches:
    def test_the_brightest_pixels_are_found(self):
        images = np.zeros((5, 4, 6, 1), np.uint8)
        images[3, 2, 5], images[1, 0, 4], images[4, 1, 1] = 200, 90, 150
        images[3, 0, 0] = 199  # only the strongest place of an image counts
        found = top_patches(levels(), images, ["trunk.0"], 3)["trunk.0"]
        assert found.images[0].tolist() == [3, 4, 1]
        assert found.units[0].tolist() == [[2, 5], [1, 1], [0, 4]]
        assert found.values[0].tolist() == pytest.approx([200, 150, 90])
        assert found.silent.tolist() == [False, True]

    @pytest.mark.parametrize("batch", [1, 2, 5, 100])
    def test_batches_change_nothing_and_the_first_of_equals_counts(self, monkeypatch, batch):
        images = noise(23, 6, 6, 1, most=4)  # many ties
        monkeypatch.setattr("evenlight.explain.layers._BATCH_PIXELS", 36 * batch)
        found = top_patches(levels(), images, ["trunk.0"], 9)["trunk.0"]
        flat = images.reshape(23, -1).astype(int)
        order = np.argsort(-flat.max(axis=1), kind="stable")[:9]
        assert found.images[0].tolist() == order.tolist()
        first = flat.argmax(axis=1)[order]
        assert found.units[0].tolist() == np.column_stack([first // 6, first % 6]).tolist()

    def test_fewer_images_than_wanted(self):
        assert top_patches(levels(), noise(2, 4, 4, 1), ["trunk.0"], 8)["trunk.0"].images.shape == (2, 2)

    def test_values_are_those_of_the_maps(self):
        network, images = built("small", (16, 20, 3)), noise(12, 16, 20, 3)
        names = ["trunk.0.2", "trunk.2.2"]
        maps = feature_maps(network, images, names)
        for name, found in top_patches(network, images, names, 4).items():
            channels = np.arange(len(found.images))[:, None]
            rows, columns = found.units[..., 0], found.units[..., 1]
            np.testing.assert_array_equal(maps[name][found.images, channels, rows, columns], found.values)
            best = -np.sort(-maps[name].max(axis=(2, 3)), axis=0)[:4].T
            np.testing.assert_array_equal(best, found.values)

    def test_some_channels(self):
        found = top_patches(levels(), noise(3, 4, 4, 1), ["trunk.0"], 2)["trunk.0"]
        assert found.of_channels([1]).values.tolist() == found.values[[1]].tolist()


class TestCrops:
    """K14: nothing outside the crop matters, and everything that its edges hold does."""

    @pytest.mark.parametrize(
        ("name", "shape"), [("course", (14, 18, 1)), ("small", (28, 20, 3)), ("residual", (20, 16, 1))]
    )
    def test_noise_around_a_crop_changes_nothing(self, name, shape):
        network = residual() if name == "residual" else built(name, shape)
        images = noise(6, *shape)
        layers = [layer.name for layer in convolution_layers(network, shape)]
        for layer, found in top_patches(network, images, layers, 3).items():
            channels = [5, 0, 3]
            some = found.of_channels(channels)
            boxes = patch_boxes(network, layer, some, shape)
            assert crop_error(network, layer, images, some, boxes, channels, seed=0) < 1e-5

    @pytest.mark.parametrize("edge", range(4))
    def test_a_pixel_less_at_any_side_changes_it(self, edge):
        shape = (28, 20, 3)
        network, images = built("small", shape), noise(6, *shape)
        found = top_patches(network, images, ["trunk.1.2"], 3)["trunk.1.2"]
        boxes = patch_boxes(network, "trunk.1.2", found, shape)
        boxes[..., edge] += 1 if edge < 2 else -1
        assert crop_error(network, "trunk.1.2", images, found, boxes, range(32), seed=0) > 1e-3

    def test_silent_channels_are_left_out(self):
        images = noise(3, 4, 4, 1)
        found = top_patches(levels(), images, ["trunk.0"], 2)["trunk.0"].of_channels([1])
        boxes = patch_boxes(levels(), "trunk.0", found, (4, 4, 1))
        assert crop_error(levels(), "trunk.0", images, found, boxes, [1], seed=0) == 0


class TestCutOut:
    image = np.arange(1, 26, dtype=np.uint8).reshape(5, 5, 1).repeat(3, axis=2)

    def cut(self, box, size, exact=True):
        return cut_out(self.image, np.array(box), (Extent(size, 1, exact), Extent(size, 1, exact)))[..., 0]

    def test_inside_it_is_the_box(self):
        assert self.cut([1, 2, 3, 4], 2).tolist() == [[8, 9], [13, 14]]

    def test_grey_stands_where_the_image_ends(self):
        assert self.cut([0, 3, 2, 5], 3).tolist() == [[214] * 3, [4, 5, 214], [9, 10, 214]]
        assert self.cut([3, 0, 5, 2], 3).tolist() == [[214, 16, 17], [214, 21, 22], [214] * 3]

    def test_nothing_is_filled_up_where_the_size_is_not_known(self):
        assert self.cut([0, 0, 5, 5], 5, exact=False).shape == (5, 5)


class TestPictures:
    """They are looked at by people; here, that any network gives one, and what must not get lost."""

    def size(self, png):
        width, height = Image.open(io.BytesIO(png)).size
        assert width <= 1400
        return width, height

    @pytest.mark.parametrize(("channels", "color"), [(1, "gray"), (3, "rgb"), (3, "lab"), (12, "rgb")])
    def test_filters(self, channels, color):
        weights = np.random.Generator(np.random.PCG64(0)).normal(size=(20, channels, 3, 3))
        assert self.size(filters_picture(weights, color, "Filters")) > (500, 100)
        assert self.size(filters_picture(np.zeros_like(weights), color, "Filters"))

    def test_coloured_filters_share_their_scale(self):
        weights = np.zeros((2, 3, 1, 1))
        weights[0, 0], weights[1, 0] = 1, 0.5
        page = np.asarray(Image.open(io.BytesIO(filters_picture(weights, "rgb", "Filters"))).convert("RGB"))
        for red in (255, 191):  # grey is 0, and half of the largest weight is half as red
            assert ((page == (red, 128, 128)).all(axis=2)).sum() > 5000

    def test_maps(self):
        maps = np.random.Generator(np.random.PCG64(0)).random((2, 20, 5, 7))
        maps[0, 0], maps[1, 1] = 0, np.nan
        assert self.size(maps_picture(maps, noise(2, 9, 9, 3), ["a", "b"], "Maps")) > (1000, 200)

    def test_patches_of_a_silent_channel_are_not_shown(self):
        field = (Extent(2, 1, True),) * 2
        crops = [[np.zeros((2, 2, 3), np.uint8)] * 3] * 2

        def height(values):
            patches = TopPatches(np.zeros((2, 3), int), np.zeros((2, 3, 2), int), np.array(values))
            return self.size(patches_picture(patches, crops, [4, 7], field, "Patches"))[1]

        assert height([[3, 2, 1], [0, 0, 0]]) < height([[3, 2, 1], [1, 0, 0]])

    def test_of_a_real_network(self):
        shape = (16, 16, 1)
        network, images = built("small", shape), noise(4, *shape)
        found = top_patches(network, images, ["trunk.2.2"], 2)["trunk.2.2"].of_channels([0, 1])
        field = receptive_field(network, "trunk.2.2", shape)
        boxes = patch_boxes(network, "trunk.2.2", found, shape)
        crops = [
            [cut_out(images[number].repeat(3, axis=2), box, field) for number, box in zip(*of, strict=True)]
            for of in zip(found.images, boxes, strict=True)
        ]
        assert self.size(patches_picture(found, crops, [0, 1], field, "Patches")) > (500, 200)
