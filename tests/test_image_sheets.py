"""Sheets of pictures: what is drawn can be found again in the pixels of the PNG."""

import io

import numpy as np
import pytest
from PIL import Image

from evenlight.explain.image_sheets import WIDEST, Cell, Scale, sheet

RED, GREEN, BLUE = (200, 10, 10), (10, 200, 10), (10, 10, 200)


def flat(color, side=8):
    return np.full((side, side, 3), color, dtype=np.uint8)


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


def box_of(page, color):
    """Top, left, bottom, right of all pixels of a colour."""
    rows, columns = np.nonzero((page == color).all(axis=2))
    return rows.min(), columns.min(), rows.max() + 1, columns.max() + 1


class TestLayout:
    def test_cells_stand_in_rows_and_columns(self):
        page = pixels(sheet([[Cell(flat(RED)), Cell(flat(GREEN))], [None, Cell(flat(BLUE))]]))
        red, green, blue = (box_of(page, color) for color in (RED, GREEN, BLUE))
        assert red[0] == green[0]
        assert red[3] < green[1] == blue[1]
        assert green[2] < blue[0]

    def test_titles_and_captions_take_room_but_no_pictures(self):
        bare = pixels(sheet([[Cell(flat(RED))]]))
        full = pixels(sheet([[Cell(flat(RED), "caption")]], ["column"], ["row"], "Title", "Note."))
        assert full.shape[0] > bare.shape[0] + 4 * 12
        small, large = box_of(bare, RED), box_of(full, RED)
        assert [small[2] - small[0], small[3] - small[1]] == [large[2] - large[0], large[3] - large[1]]
        assert large[1] > small[1]

    @pytest.mark.parametrize("count", [1, 5, 16, 36])
    def test_never_wider_than_the_widest(self, count):
        page = pixels(sheet([[Cell(flat(RED), "a long caption")] * count], rows=["a very long name " * 9]))
        assert page.shape[1] <= WIDEST

    def test_too_many_columns_are_refused(self):
        with pytest.raises(ValueError, match="60 columns"):
            sheet([[Cell(flat(RED))] * 60])

    def test_a_row_title_is_not_cut_off_where_there_is_no_picture(self):
        def height(name):
            return pixels(sheet([[None]], rows=[name])).shape[0]

        assert height("one\ntwo\nthree") > height("one\ntwo") > height("one")

    def test_a_sheet_without_pictures_says_so(self):
        assert (pixels(sheet([], title="Nothing")) < 100).sum() > (pixels(sheet([[]], title="")) < 100).sum()

    def test_equal_inputs_give_equal_bytes(self):
        made = [sheet([[Cell(flat(RED), "a")]], ["b"], ["c"], "d", "e", Scale(0, 1, "f")) for _ in range(2)]
        assert made[0] == made[1]

    def test_any_text_is_drawn(self):
        strange = "\x00\u202e$x_{1}$ <b> 日本\n" + "w" * 3000
        assert pixels(sheet([[Cell(flat(RED), strange)]], [strange], [strange], strange, strange)).size


class TestPictures:
    def test_small_ones_keep_their_pixels_apart(self):
        """A checkerboard stays black and white: no smoothing."""
        board = np.indices((4, 4)).sum(axis=0) % 2 * 255
        page = pixels(sheet([[Cell(np.repeat(board[..., None], 3, axis=2).astype(np.uint8))]]))
        inside = page[40:110, 20:110]
        assert set(np.unique(inside)) == {0, 255}

    def test_a_tall_picture_keeps_its_shape(self):
        picture = np.full((40, 10, 3), RED, dtype=np.uint8)
        top, left, bottom, right = box_of(pixels(sheet([[Cell(picture)]])), RED)
        assert (bottom - top) / (right - left) == pytest.approx(4, rel=0.1)

    def test_wrong_ones_have_a_frame_and_a_cross(self):
        right, wrong = (pixels(sheet([[Cell(flat(RED), "cat", wrong)]])) for wrong in (False, True))
        orange = (right == (0xD5, 0x5E, 0)).all(axis=2), (wrong == (0xD5, 0x5E, 0)).all(axis=2)
        assert orange[0].sum() == 0
        assert orange[1].sum() > 500
        # not by colour alone: the caption is longer
        ink = [(page[125:] < 250).any(axis=2).sum() for page in (right, wrong)]
        assert ink[1] > ink[0]


class TestScale:
    def test_around_zero_is_white_at_zero_and_symmetric(self):
        scale = Scale.around_zero(np.array([-1.0, 4.0, np.nan]), "weight")
        assert (scale.low, scale.high) == (-4, 4)
        assert scale.colors(np.array([0.0]))[0].tolist() == [255, 255, 255]
        low, high = scale.colors(np.array([-4.0, 4.0])).astype(int)
        assert low[2] > low[0]
        assert high[0] > high[2]

    def test_spanning_starts_at_zero_and_leaves_out_what_is_extreme(self):
        values = np.concatenate([np.zeros(500), np.arange(1, 101), [np.inf]])
        scale = Scale.spanning(values, "activation")
        assert scale.low == 0
        assert scale.high == pytest.approx(np.percentile(np.arange(1, 101), 99))
        assert Scale.spanning(np.array([-2.0, 3.0]), "").low == -2

    def test_colors_rise_and_stay_beyond_the_ends(self):
        scale = Scale(0, 10, "")
        brightness = scale.colors(np.array([-5.0, 0, 3, 6, 10, 99])).astype(int).sum(axis=1)
        assert brightness[0] == brightness[1] < brightness[2] < brightness[3] < brightness[4] == brightness[5]

    @pytest.mark.parametrize("make", [Scale.around_zero, Scale.spanning])
    def test_nothing_but_zeros_or_no_numbers(self, make):
        for values in (np.zeros((2, 2)), np.full((2, 2), np.nan), np.zeros((0, 2))):
            scale = make(values, "nothing")
            assert scale.low == scale.high == 0
            assert sheet([[Cell(scale.colors(np.zeros((2, 2))))]], scale=scale)

    def test_zeros_are_white_where_white_is_zero(self):
        assert (Scale.around_zero(np.zeros(3), "").colors(np.zeros(3)) == 255).all()

    def test_what_is_no_number_is_grey(self):
        red, green, blue = Scale(0, 1, "").colors(np.array([np.nan]))[0]
        assert red == green == blue

    def test_the_bar_shows_all_its_colours(self):
        scale = Scale(0, 1, "share")
        page = pixels(sheet([[Cell(flat(RED))]], scale=scale))
        for color in scale.colors(np.array([0.0, 0.5, 1.0])):
            assert (page == color).all(axis=2).any()
