"""Lines, circles, corners, outlines and dominant colours: known answers on drawn shapes and photos."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from family_checks import SHAPES, as_rgb, check_images_count_for_themselves, named, noise
from hypothesis import given, settings
from hypothesis import strategies as st

from evenlight.features import contour, harris, hough, kmeans
from evenlight.pixels import gray
from evenlight.standardize import resize

Photos = Callable[[str], np.ndarray]


@pytest.fixture(scope="module")
def course(shared_data: Callable[[str], Path]) -> Photos:
    """RGB pixels of a picture of the course, by name."""

    def read(name: str) -> np.ndarray:
        return cv2.cvtColor(cv2.imread(str(shared_data(f"course_images/{name}"))), cv2.COLOR_BGR2RGB)

    return read


def blank(height: int = 200, width: int = 240) -> np.ndarray:
    return np.zeros((height, width), np.uint8)


def rectangle() -> np.ndarray:
    return cv2.rectangle(blank(), (40, 50), (160, 150), 255, -1)


class TestHough:
    lines = hough.Options(votes=60, min_length=50, max_gap=5)

    def test_sides_of_a_rectangle(self):
        """K8."""
        found = hough.segments(rectangle(), self.lines)
        assert found.shape == (4, 4)
        across, down = np.abs(found[:, 2:] - found[:, :2]).T
        assert sorted(across) == pytest.approx([0, 0, 120, 120], abs=3)
        assert sorted(down) == pytest.approx([0, 0, 100, 100], abs=3)

    def test_two_discs(self):
        """K8."""
        picture = cv2.circle(blank(200, 200), (60, 70), 30, 255, -1)
        picture = cv2.circle(picture, (150, 140), 20, 255, -1)
        options = hough.Options(
            circle_distance=40, circle_edge=100, circle_votes=15, min_radius=10, max_radius=50
        )
        found = hough.circles(picture, options)
        assert found.shape == (2, 3)
        np.testing.assert_allclose(found[:, :2], [(60, 70), (150, 140)], atol=1)
        np.testing.assert_allclose(found[:, 2], [29.7, 19.6], atol=0.5)

    @pytest.mark.parametrize("extra", [(), (1,)])
    def test_shapes_of_both_versions_of_opencv(self, extra, monkeypatch):
        """OpenCV 5 returns other shapes than 4."""
        ends, discs = np.arange(16).reshape(4, 4), np.arange(12).reshape(4, 3)
        monkeypatch.setattr(cv2, "HoughLinesP", lambda *args, **kwargs: ends.reshape(4, *extra, 4))
        monkeypatch.setattr(cv2, "HoughCircles", lambda *args, **kwargs: discs.reshape(*extra, 4, 3))
        assert np.array_equal(hough.segments(rectangle(), hough.Options()), ends)
        assert np.array_equal(hough.circles(rectangle(), hough.Options()), discs)

    @pytest.mark.parametrize("turn", range(6))
    def test_a_bar_turns_through_all_angles(self, turn):
        angle = np.deg2rad(30 * turn)
        end = 50 * np.array([np.cos(angle), np.sin(angle)])
        (x1, y1), (x2, y2) = np.rint(64 - end).astype(int), np.rint(64 + end).astype(int)
        values = named(hough, as_rgb(cv2.line(blank(128, 128), (x1, y1), (x2, y2), 255, 3)))
        assert values["hough_lines_n"] >= 1
        assert values[f"hough_angle_{turn}"] > 0.9
        assert values["hough_len_max"] == pytest.approx(100 / 128, abs=0.1)

    def test_a_larger_picture_of_the_same_is_the_same(self):
        values = named(hough, as_rgb(rectangle()))
        twice = named(hough, as_rgb(np.kron(rectangle(), np.ones((3, 3), np.uint8))))
        assert twice == pytest.approx(values, abs=0.1)
        assert values["hough_lines_n"] == 4
        assert values["hough_len_max"] == pytest.approx(120 / 240, abs=0.04)

    def test_lengths_of_known_segments(self, monkeypatch):
        ends = np.array([[0, 0, 64, 0], [0, 0, 0, 32], [0, 32, 0, 0]], dtype=np.int32)
        monkeypatch.setattr(hough, "segments", lambda *args: ends)
        values = named(hough, np.zeros((128, 128, 3), np.uint8))
        assert values["hough_len_max"] == 0.5
        assert values["hough_len_mean"] == pytest.approx(128 / 3 / 128)
        assert (values["hough_angle_0"], values["hough_angle_3"]) == (0.5, 0.5)

    def test_lines_and_circles_of_photos(self, course: Photos):
        """K20; the circles are most of them false: a value to compare with, no truth."""
        found = hough.segments(gray(course("phone.jpg")[None])[0], self.lines)
        assert len(found) == 10
        across, down = np.abs(found[:, 2:] - found[:, :2]).T
        assert (across > 2 * down).sum() == 4
        lengths = np.hypot(across, down)
        assert (lengths.min(), lengths.max()) == pytest.approx((85, 221), rel=0.02)
        options = hough.Options(
            circle_distance=45, circle_edge=70, circle_votes=11, min_radius=20, max_radius=40
        )
        assert len(hough.circles(gray(course("round_farms.jpg")[None])[0], options)) == pytest.approx(
            176, rel=0.1
        )

    def test_refuses_ranges_upside_down(self):
        with pytest.raises(ValueError, match="`canny_low` must not be above `canny_high`"):
            hough.Options(canny_low=200)
        with pytest.raises(ValueError, match="`min_radius`"):
            hough.Options(min_radius=60)


def centers(mask: np.ndarray) -> list[tuple[float, float]]:
    """Middle of each group of touching pixels, as row and column."""
    count, labels = cv2.connectedComponents(mask.astype(np.uint8))
    return [tuple(np.argwhere(labels == label).mean(axis=0)) for label in range(1, count)]


class TestHarris:
    def test_corners_of_a_square(self):
        """K6."""
        picture = blank(80, 80)
        picture[20:60, 20:60] = 255
        found = centers(harris.corners(harris.responses(picture), 0.1))
        np.testing.assert_allclose(
            sorted(found), [(20.5, 20.5), (20.5, 59.5), (59.5, 20.5), (59.5, 59.5)], atol=1
        )

    def test_corners_of_a_checkerboard(self):
        """K6."""
        rows, columns = np.mgrid[0:80, 0:80] // 20
        board = ((rows + columns) % 2 * 255).astype(np.uint8)
        assert len(centers(harris.corners(harris.responses(board), 0.1))) == 9

    def test_corners_are_counted_where_they_are(self):
        picture = blank(41, 60)
        picture[5:9, 40:44] = 255
        values = named(harris, as_rgb(picture))
        assert values["harris_share_bottom"] == values["harris_share_left"] == 0
        count = harris.corners(harris.responses(picture), 0.1).sum()
        assert values["harris_share_all"] == pytest.approx(count / picture.size)
        assert values["harris_share_top"] == pytest.approx(count / (20 * 60))
        assert values["harris_share_right"] == pytest.approx(count / (41 * 30))

    def test_edges_all_over_are_no_corner(self):
        """Every response is below 0."""
        ramp = np.tile(np.arange(0, 240, 4, dtype=np.uint8), (40, 1))
        response = harris.responses(ramp)[:, 2:-2]
        assert response.max() < 0
        assert not harris.corners(response, 0.1).any()

    def test_an_edge_is_no_corner(self):
        picture = blank()
        picture[:, 100:] = 255
        values = named(harris, as_rgb(picture))
        assert values["harris_mean"] > 0
        assert {value for name, value in values.items() if name != "harris_mean"} == {0}

    def test_corners_of_a_waffle(self, course: Photos):
        """The corner parts of the waffle after dilation by 3 x 3, .01, .1 and .2 of the largest response."""
        response = cv2.dilate(harris.responses(gray(course("waffle.jpg")[None])[0]), None)
        counts = [len(centers(harris.corners(response, threshold))) for threshold in (0.01, 0.1, 0.2)]
        assert counts == pytest.approx([139, 50, 22], abs=2)


class TestContour:
    def test_a_rectangle(self):
        """K7: area 12000, box (40, 50, 121, 101)."""
        values = named(contour, as_rgb(rectangle()))
        assert values["contour_n"] == values["contour_solidity"] == 1
        assert values["contour_area"] == pytest.approx(12_000 / (200 * 240))
        assert values["contour_perimeter"] == pytest.approx(440 / 880)
        assert values["contour_width"] == pytest.approx(121 / 240)
        assert values["contour_height"] == pytest.approx(101 / 200)
        assert values["contour_aspect"] == pytest.approx(121 / 101)
        assert (values["contour_cos"], values["contour_sin"]) == pytest.approx((1, 0))

    @pytest.mark.parametrize("degrees", [0, 10, 45, 60, 90, 135, 170])
    def test_an_ellipse_shows_its_angle(self, degrees):
        """K7: drawn clockwise from x, as rows go down."""
        picture = cv2.ellipse(blank(), (120, 100), (70, 20), degrees, 0, 360, 255, -1)
        values = named(contour, as_rgb(picture))
        found = np.rad2deg(np.arctan2(values["contour_sin"], values["contour_cos"])) / 2
        assert abs((found - degrees + 90) % 180 - 90) < 0.2

    def test_the_largest_of_several_things_bright_or_dark(self):
        picture = rectangle()
        picture[10:20, 10:20] = 255
        assert named(contour, as_rgb(picture))["contour_n"] == 2
        assert named(contour, as_rgb(255 - picture), inverted=True) == named(contour, as_rgb(picture))

    def test_an_l_is_not_solid(self):
        picture = blank()
        picture[50:151, 40:61] = picture[130:151, 40:141] = 255
        solid = named(contour, as_rgb(picture))["contour_solidity"]
        area, hull = 100 * 20 + 80 * 20, 100 * 100 - 80 * 80 / 2
        assert solid == pytest.approx(area / hull, rel=0.02)

    def test_a_square_or_disc_has_no_axis(self):
        for left in range(3, 60, 7):
            square = blank(101, 211)
            square[30:71, left : left + 41] = 255
            values = named(contour, as_rgb(square))
            assert (values["contour_cos"], values["contour_sin"]) == (0, 0)
        assert values["contour_hu_1"] == pytest.approx(np.log10(1e12 / 6), abs=1e-5)  # of every square

    @pytest.mark.parametrize("level", [0, 1, 128, 255])
    def test_a_flat_image_holds_nothing(self, level):
        assert set(named(contour, np.full((20, 20, 3), level, np.uint8)).values()) == {0}

    @pytest.mark.parametrize("size", [1, 9])
    def test_a_point_or_line_has_no_shape(self, size):
        picture = blank(20, 20)
        picture[5, 5 : 5 + size] = 255
        values = named(contour, as_rgb(picture))
        assert values["contour_width"] == pytest.approx(size / 20)
        assert values["contour_area"] == values["contour_solidity"] == values["contour_hu_1"] == 0

    @given(seed=st.integers(0, 10_000))
    @settings(max_examples=25)
    def test_hu_moments_equal_opencv_and_bear_moves(self, seed):
        outline = cv2.convexHull(
            np.random.default_rng(seed).integers(0, 60, (7, 2)).astype(np.int32)
        ).reshape(-1, 2)
        moments = cv2.moments(outline)
        found = contour.hu_moments(moments)
        assert found == pytest.approx(cv2.HuMoments(moments).ravel().tolist(), rel=1e-9, abs=1e-15)
        turned = np.stack([-outline[:, 1], outline[:, 0]], axis=1)[:, :] + (100, 7)
        assert contour.hu_moments(cv2.moments(turned.astype(np.int32))) == pytest.approx(
            found, rel=1e-5, abs=1e-12
        )
        larger = contour.hu_moments(cv2.moments((outline * 3).astype(np.int32)))
        assert larger == pytest.approx(found, rel=1e-5, abs=1e-12)
        mirrored = contour.hu_moments(cv2.moments((outline * (-1, 1) + (100, 0)).astype(np.int32)))
        assert mirrored == pytest.approx([*found[:6], -found[6]], rel=1e-5, abs=1e-12)

    def test_thumbs(self, course: Photos):
        """K22: the larger one of the two."""
        photo = course("thumbs_up_down.jpg")
        values = named(contour, photo, inverted=True)
        assert values["contour_width"] * photo.shape[1] == pytest.approx(251, abs=3)
        assert values["contour_height"] * photo.shape[0] == pytest.approx(187, abs=3)
        assert values["contour_area"] * photo[..., 0].size == pytest.approx(18_140, rel=0.03)


def rows(image: np.ndarray, k: int = 3) -> list[list[float]]:
    return kmeans.dominant_colors(image, k).tolist()


class TestKmeans:
    def test_three_colors(self):
        image = np.zeros((10, 10, 3), np.uint8)
        image[:5] = (250, 10, 20)
        image[5:8] = (10, 200, 30)
        image[8:] = (5, 6, 7)
        assert rows(image) == [[0.5, 250, 10, 20], [0.3, 10, 200, 30], [0.2, 5, 6, 7]]
        values = named(kmeans, image)
        assert list(values)[:5] == [
            "kmeans_share_0",
            "kmeans_r_0",
            "kmeans_g_0",
            "kmeans_b_0",
            "kmeans_share_1",
        ]
        assert values["kmeans_g_1"] == 200

    def test_fewer_colors_than_clusters(self):
        image = np.full((8, 8, 3), (9, 100, 200), np.uint8)
        assert rows(image) == [[1, 9, 100, 200], [0, 0, 0, 0], [0, 0, 0, 0]]
        image[:4] = 0
        assert rows(image) == [[0.5, 0, 0, 0], [0.5, 9, 100, 200], [0, 0, 0, 0]]

    @given(seed=st.integers(0, 999), k=st.integers(1, 6), levels=st.sampled_from([2, 4, 256]))
    @settings(max_examples=25)
    def test_shares_fall_and_colors_are_the_mean(self, seed, k, levels):
        image = noise(9, 13, 3, seed=seed, levels=levels)
        found = kmeans.dominant_colors(image, k)
        assert (np.diff(found[:, 0]) <= 0).all()
        assert found[:, 0].sum() == pytest.approx(1)
        np.testing.assert_allclose(found[:, 0] @ found[:, 1:], image.reshape(-1, 3).mean(axis=0), atol=1e-9)

    def test_the_order_of_pixels_does_not_count(self):
        image = noise(16, 16, 3)
        shuffled = np.random.default_rng(1).permutation(image.reshape(-1, 3)).reshape(image.shape)
        np.testing.assert_allclose(rows(shuffled), rows(image), atol=1e-9)

    def test_is_as_compact_as_opencv(self, course: Photos):
        def left(pixels: np.ndarray, centers: np.ndarray) -> float:
            return ((pixels[:, None] - centers) ** 2).sum(axis=2).min(axis=1).sum()

        ratios = []
        for name in ("monarch.jpg", "birds.jpg", "oranges.jpg", "face.jpeg", "sky.jpg"):
            photo = resize(course(name), 64, 64)
            pixels = photo.reshape(-1, 3).astype(np.float32)
            cv2.setRNGSeed(0)
            criteria = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 20, 0.1)
            theirs, _, _ = cv2.kmeans(pixels, 3, None, criteria, 1, cv2.KMEANS_PP_CENTERS)
            ratios.append(left(pixels, np.array(rows(photo))[:, 1:]) / left(pixels, theirs))
        assert max(ratios) < 1.05
        assert np.mean(ratios) < 1.01

    def test_monarch(self, course: Photos):
        """K23."""
        found = np.array(rows(resize(course("monarch.jpg"), 250, 376)))
        np.testing.assert_allclose(found[:, 0], [0.499, 0.321, 0.180], atol=0.01)
        np.testing.assert_allclose(found[:, 1:], [(21, 25, 14), (62, 75, 38), (201, 149, 77)], atol=2)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("module", [hough, harris, contour, kmeans])
def test_an_image_counts_for_itself(module, shape):
    check_images_count_for_themselves(module, shape)
