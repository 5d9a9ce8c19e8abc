"""What the training loop is made of: optimizers, schedule, losses, devices, mapped images, the progress bar."""

import io
import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from evenlight import dataset, progress
from evenlight.dataset import MappedImages, load_images
from evenlight.errors import UserError
from evenlight.models import devices
from evenlight.models.cnn_options import CnnOptions
from evenlight.models.losses import image_weights, weighted_cross_entropy
from evenlight.models.optimizers import AdamW, Sgd, one_cycle
from evenlight.storage import write_array


def options(**changes) -> CnnOptions:
    return CnnOptions(**{"kind": "cnn", **changes})


class TestOptimizers:
    """Against torch's own functions, on a network small enough to look at."""

    @staticmethod
    def gradients(start: list[torch.Tensor]) -> list[list[torch.Tensor]]:
        generator = torch.Generator().manual_seed(1)
        return [[torch.randn(value.shape, generator=generator) for value in start] for _ in range(4)]

    @staticmethod
    def start() -> list[torch.Tensor]:
        generator = torch.Generator().manual_seed(0)
        return [torch.randn(shape, generator=generator) for shape in ((3, 2), (5,))]

    def ours(self, kind: type, momentum: float, rates: list[float]) -> list[torch.Tensor]:
        parameters = [torch.nn.Parameter(value) for value in self.start()]
        optimizer = kind(parameters, momentum, 0.1)
        for rate, slopes in zip(rates, self.gradients(parameters), strict=True):
            for parameter, slope in zip(parameters, slopes, strict=True):
                parameter.grad = slope
            optimizer.step(rate)
            assert all(parameter.grad is None for parameter in parameters)
        return [parameter.detach() for parameter in parameters]

    @pytest.mark.parametrize("momentum", [0.0, 0.9])
    def test_sgd(self, momentum):
        values, rates = self.start(), [0.1, 0.2, 0.05, 0.01]
        velocities = [torch.zeros_like(value) for value in values]
        for rate, slopes in zip(rates, self.gradients(values), strict=True):
            for value, velocity, slope in zip(values, velocities, slopes, strict=True):
                slope = slope + 0.1 * value
                velocity.copy_(momentum * velocity + slope)
                value -= rate * (slope + momentum * velocity)
        for found, expected in zip(self.ours(Sgd, momentum, rates), values, strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)

    def test_adamw(self):
        from torch.optim.adamw import adamw

        values, rates = self.start(), [0.1, 0.2, 0.05, 0.01]
        means, squares = ([torch.zeros_like(value) for value in values] for _ in range(2))
        steps = [torch.tensor(0.0) for _ in values]
        for rate, slopes in zip(rates, self.gradients(values), strict=True):
            adamw(
                values, slopes, means, squares, [], steps, foreach=False,
                amsgrad=False, beta1=0.8, beta2=0.999, lr=rate, weight_decay=0.1, eps=1e-8, maximize=False,
            )  # fmt: skip
        for found, expected in zip(self.ours(AdamW, 0.8, rates), values, strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


class TestOneCycle:
    @pytest.mark.parametrize("warm_up", [0.1, 0.3, 0.9])
    def test_up_to_the_peak_and_down_to_nothing(self, warm_up):
        shares = np.array([one_cycle(step, 1000, warm_up) for step in range(1000)])
        peak = int(shares.argmax())
        assert abs(peak - 1000 * warm_up) <= 1
        assert shares[peak] == pytest.approx(1, abs=1e-4)
        assert shares[0] == pytest.approx(1 / 25, abs=1e-3)
        assert 0 < shares[-1] < 1e-4
        assert (np.diff(shares[: peak + 1]) > 0).all()
        assert (np.diff(shares[peak:]) < 0).all()
        assert shares[round(500 * warm_up)] == pytest.approx((1 + 1 / 25) / 2, abs=0.02)

    @pytest.mark.parametrize("steps", [1, 2, 3])
    def test_a_few_steps_learn_too(self, steps):
        assert max(one_cycle(step, steps, 0.2) for step in range(steps)) > 0.4


class TestLoss:
    logits = torch.tensor(np.random.default_rng(0).normal(size=(40, 3)) * 3).float()
    codes = torch.tensor(np.random.default_rng(1).choice(3, size=40, p=[0.7, 0.2, 0.1]))

    @pytest.mark.parametrize("smoothing", [0.0, 0.2])
    def test_smoothing_is_torchs(self, smoothing):
        expected = torch.nn.functional.cross_entropy(self.logits, self.codes, label_smoothing=smoothing)
        assert weighted_cross_entropy(self.logits, self.codes, torch.ones(40), smoothing) == pytest.approx(
            float(expected)
        )

    def test_class_weights_are_torchs(self):
        weights = image_weights(options(class_weights=True), self.codes.numpy(), None)
        assert weights.mean() == pytest.approx(1)
        by_class = [weights[self.codes.numpy() == code].sum() for code in range(3)]
        assert by_class == pytest.approx([40 / 3] * 3)
        rare = 1 / torch.bincount(self.codes).float()
        expected = torch.nn.functional.cross_entropy(self.logits, self.codes, weight=rare)
        found = weighted_cross_entropy(self.logits, self.codes, torch.from_numpy(weights), 0.0)
        assert found == pytest.approx(float(expected))

    def test_group_and_class_weights_are_multiplied(self):
        codes, groups = np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1])
        fair = {"method": "group_weights", "group": "weather"}
        assert image_weights(options(fair=fair), codes, np.array([0, 0, 0, 1])) == pytest.approx(
            [2 / 3, 2 / 3, 2 / 3, 2]
        )
        assert image_weights(options(fair=fair, class_weights=True), codes, groups) == pytest.approx(
            [2 / 3, 2 / 3, 2 / 3, 2]
        )

    def test_other_methods_and_none_weigh_no_image(self):
        codes = np.array([0, 0, 0, 1])
        balanced = options(fair={"method": "balanced", "group": "weather"})
        assert image_weights(balanced, codes, codes).tolist() == [1] * 4
        assert image_weights(options(), codes, None).tolist() == [1] * 4


class TestDevice:
    @pytest.mark.parametrize(
        "asked, gpu, expected",  # noqa: PT006
        [("auto", False, "cpu"), ("auto", True, "cuda"), ("cpu", True, "cpu"), ("cuda", True, "cuda")],
    )
    def test_choice(self, monkeypatch, asked, gpu, expected):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
        assert devices.choose_device(asked).type == expected

    def test_a_missing_gpu_is_a_sentence(self, monkeypatch):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        with pytest.raises(
            UserError, match=r"`device: cuda`, but torch finds no GPU here; use `device: auto`"
        ):
            devices.choose_device("cuda")

    @pytest.mark.parametrize(
        "device, precision, able, half",  # noqa: PT006
        [
            ("cpu", "float32", True, False),
            ("cpu", "bfloat16", False, True),
            ("cuda", "float32", True, True),
            ("cuda", "bfloat16", False, False),
        ],
    )
    def test_precision(self, monkeypatch, device, precision, able, half):
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: able)
        monkeypatch.setattr(torch, "autocast", lambda kind, **how: SimpleNamespace(kind=kind, **how))
        found = devices.forward_precision(torch.device(device), precision)
        assert (found.kind, found.dtype, found.enabled) == (device, torch.bfloat16, half)


class TestMappedImages:
    @pytest.fixture
    def world(self, tmp_path):
        """Twelve rows in three shards, in another order than in the files."""
        shards = {
            name: np.random.default_rng(ord(name)).integers(0, 256, (4, 9, 8, 3), np.uint8) for name in "abc"
        }
        for name, pixels in shards.items():
            write_array(tmp_path / f"{name}.npy", pixels)
        rows = pd.DataFrame([(name, row) for row in range(4) for name in "bca"], columns=["shard", "row"])
        expected = np.stack([shards[name][row] for name, row in rows.itertuples(index=False)])
        return rows, tmp_path, expected

    def test_like_an_array(self, world):
        rows, folder, expected = world
        images = MappedImages(rows, folder)
        assert (len(images), images.shape) == (12, expected.shape)
        for wanted in (slice(2, 7), slice(10, 99), slice(5, 5), np.array([7, 0, 7, 11]), np.array([], int)):
            assert np.array_equal(images[wanted], expected[wanted])
            assert images[wanted].dtype == np.uint8
        assert np.array_equal(load_images(rows, folder), expected)

    def test_what_is_read_may_be_written_to(self, world):
        rows, folder, expected = world
        images = MappedImages(rows, folder)
        images[np.array([3])][:] = 0
        assert np.array_equal(images[:], expected)

    def test_no_rows(self, world):
        rows, folder, _ = world
        assert MappedImages(rows[:0], folder).shape == (0, 0, 0, 0)
        assert len(load_images(rows[:0], folder)) == 0

    def test_only_the_shards_asked_for_are_opened_and_only_once(self, world, monkeypatch):
        rows, folder, _ = world
        opened = []
        real = dataset.read_array
        monkeypatch.setattr(dataset, "read_array", lambda path: opened.append(path.stem) or real(path))
        images = MappedImages(rows, folder)
        for _ in range(3):
            images[np.array([0, 2, 3])]
        assert sorted(opened) == ["a", "b"]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class TestBar:
    def shown(self, monkeypatch, stream: io.StringIO, items: int = 4) -> str:
        monkeypatch.setattr(progress, "_BAR_SECONDS", {True: 0.0, False: 0.0})
        monkeypatch.setattr(sys, "stderr", stream)
        assert list(progress.bar(range(items), items, "epoch 2/9")) == list(range(items))
        return stream.getvalue()

    def test_a_terminal_has_one_line_that_is_gone_at_the_end(self, monkeypatch):
        text = self.shown(monkeypatch, Terminal())
        assert "\n" not in text
        frames = text.split(progress._CLEAR_LINE)
        assert "epoch 2/9 [############............]" in frames[2]
        assert frames[-1] == ""
        assert all("s left" in frame for frame in frames[1:-1])

    def test_a_file_gets_whole_lines(self, monkeypatch):
        lines = self.shown(monkeypatch, io.StringIO()).splitlines()
        assert lines[0].startswith("  epoch 2/9: 1 of 4 steps (")
        assert not {"\r", "\x1b"} & set("".join(lines))

    def test_lines_are_seconds_apart(self, monkeypatch):
        monkeypatch.setattr(sys, "stderr", stream := io.StringIO())
        assert len(list(progress.bar(range(1000), 1000, "epoch"))) == 1000
        assert stream.getvalue() == ""

    def test_a_stopped_bar_leaves_no_trace(self, monkeypatch):
        monkeypatch.setattr(progress, "_BAR_SECONDS", {True: 0.0, False: 0.0})
        monkeypatch.setattr(sys, "stderr", stream := Terminal())
        steps = progress.bar(range(9), 9, "epoch")
        next(steps), next(steps)
        steps.close()
        assert stream.getvalue().endswith(progress._CLEAR_LINE)
