"""Networks: shapes, learning, the epoch that is kept, and numbers that are none."""

import os
import subprocess
import sys

import numpy as np
import pytest

from evenlight.dataset import channel_statistics
from evenlight.errors import UserError
from evenlight.models import inference, training
from evenlight.models.cnn_options import CnnOptions
from evenlight.models.training import Examples, Outcome, train_network


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, size=shape, dtype=np.uint8)


def stripes(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Noisy 16 x 16 pictures of horizontal (0) or vertical (1) stripes or neither (2)."""
    draws = np.random.default_rng(seed)
    codes = np.arange(count) % 3
    pixels = draws.integers(0, 60, size=(count, 16, 16, 1))
    rows = (np.arange(16) // 2 % 2 * 150)[:, None, None]
    pixels[codes == 0] += rows
    pixels[codes == 1] += rows.transpose(1, 0, 2)
    return pixels.astype(np.uint8), codes


def options(**changes) -> CnnOptions:
    return CnnOptions(**{"kind": "cnn", "epochs": 2, "batch_size": 8, "flip": False, **changes})


Pair = tuple[np.ndarray, np.ndarray]


def learn(chosen: CnnOptions, given: Pair, validation: Pair | None = None, classes=3, seed=0) -> Outcome:
    """Train on images and codes; without validation images where there are none."""
    unseen = validation or (given[0][:0], given[1][:0])
    return train_network(chosen, Examples(*given), Examples(*unseen), classes, seed)


@pytest.fixture(scope="module")
def learned():
    return learn(options(epochs=8), stripes(240, 0), stripes(60, 1))


class TestShapes:
    @pytest.mark.parametrize("height, width", [(28, 28), (32, 32), (64, 64), (31, 47), (8, 90)])  # noqa: PT006
    @pytest.mark.parametrize("channels", [1, 3])
    def test_any_size_gives_logits_and_features(self, height, width, channels):
        from evenlight.models.cnn import build_network

        network = build_network(CnnOptions(kind="cnn"), (height, width, channels), 5)
        logits, features = inference.run_network(network, noise(3, height, width, channels))
        assert (logits.shape, features.shape) == ((3, 5), (3, 64))
        assert np.isfinite(logits).all()

    @pytest.mark.parametrize("shape", [(7, 64, 3), (64, 7, 1)])
    def test_too_small_is_a_sentence(self, shape):
        from evenlight.models.cnn import build_network

        with pytest.raises(UserError, match=rf"at least 8 pixels.* {shape[0]} x {shape[1]}"):
            build_network(CnnOptions(kind="cnn"), shape, 2)

    def test_the_smallest_batch_can_be_cut_anywhere(self, learned, monkeypatch):
        pixels, _ = stripes(10, 2)
        whole = inference.run_network(learned.network, pixels)
        monkeypatch.setattr(inference, "_PIXELS", 1)
        for one, other in zip(inference.run_network(learned.network, pixels), whole, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-4)


class TestLogits:
    def test_no_activation_on_the_logits(self, learned):
        """A ReLU there kills classes (K16): logits of both signs come out, and the last layer is linear."""
        import torch

        network = learned.network
        assert isinstance(network.classifier[-1], torch.nn.Linear)
        logits, features = inference.run_network(network, stripes(30, 3)[0])
        assert (logits < 0).any(axis=1).all()
        weight = network.classifier[-1].weight.detach().double().numpy()
        bias = network.classifier[-1].bias.detach().double().numpy()
        np.testing.assert_allclose(logits, features @ weight.T + bias, atol=1e-4)

    def test_every_relu_is_a_module_of_its_own_and_not_in_place(self, learned):
        import torch

        used = [module for module in learned.network.modules() if isinstance(module, torch.nn.ReLU)]
        assert len(used) == 3
        assert not any(module.inplace for module in used)


class TestLearning:
    def test_an_easy_problem_is_learned(self, learned):
        network = learned.network
        pixels, codes = stripes(120, 4)
        logits, _ = inference.run_network(network, pixels)
        assert (logits.argmax(axis=1) == codes).mean() > 0.95
        assert all((logits.argmax(axis=1) == code).any() for code in range(3))

    def test_the_best_validation_epoch_is_kept(self, learned):
        losses = [epoch.validation_loss for epoch in learned.history]
        assert learned.best_epoch == 1 + int(np.argmin(losses))
        loss, accuracy = inference.evaluate_network(learned.network, *stripes(60, 1))
        assert loss == losses[learned.best_epoch - 1]
        assert accuracy == learned.history[learned.best_epoch - 1].validation_accuracy

    def test_an_early_best_epoch_survives_later_ones(self):
        pixels, codes = stripes(48, 0)
        contrary = pixels, (codes + 1) % 3  # the better the training, the worse the validation
        found = learn(options(epochs=6), (pixels, codes), contrary)
        losses = [epoch.validation_loss for epoch in found.history]
        assert found.best_epoch == 1 + int(np.argmin(losses)) < len(losses)
        assert inference.evaluate_network(found.network, *contrary)[0] == losses[found.best_epoch - 1]

    def test_without_validation_the_last_epoch_counts(self):
        found = learn(options(patience=1), stripes(24, 0))
        assert found.best_epoch == len(found.history) == 2
        assert np.isnan([found.history[0].validation_loss, found.history[0].validation_accuracy]).all()

    def test_validation_images_teach_nothing(self):
        runs = [
            learn(options(epochs=1), stripes(24, 0), validation).network.state_dict()
            for validation in ((noise(9, 16, 16, 1), np.zeros(9, int)), None)
        ]
        assert all((runs[0][name] == runs[1][name]).all() for name in runs[0])

    def test_the_loss_is_cross_entropy(self, learned):
        import torch

        pixels, codes = stripes(30, 5)
        logits, _ = inference.run_network(learned.network, pixels)
        loss, accuracy = inference.evaluate_network(learned.network, pixels, codes)
        expected = torch.nn.functional.cross_entropy(torch.from_numpy(logits), torch.from_numpy(codes))
        assert loss == pytest.approx(float(expected))
        assert accuracy == (logits.argmax(axis=1) == codes).mean()

    def test_flipped_images_are_seen_only_on_request(self):
        """Left and right half bright: mirrored half of the time nothing can be learned."""
        codes = np.arange(64) % 2
        pixels = np.zeros((64, 16, 16, 1), np.uint8)
        pixels[codes == 0, :, :8] = 200
        pixels[codes == 1, :, 8:] = 200
        given = pixels.copy()
        accuracy = [
            learn(options(epochs=4, flip=flip), (given, codes), classes=2).history[-1].train_accuracy
            for flip in (False, True)
        ]
        assert accuracy[0] == 1
        assert accuracy[1] < 0.8
        assert np.array_equal(given, pixels)


class TestBatches:
    @pytest.mark.parametrize("count", range(1, 14))
    @pytest.mark.parametrize("size", [2, 3, 4])
    def test_every_image_once_and_never_one_left_over(self, count, size):
        order = np.random.default_rng(0).permutation(count)
        parts = training._batches(order, size)
        assert sorted(np.concatenate(parts)) == list(range(count))
        assert all(np.array_equal(part, np.sort(part)) for part in parts)
        assert all(2 <= len(part) <= size + 1 for part in parts) or count == 1

    @pytest.mark.parametrize("epochs", [1, 2, 3, 4, 5, 6])
    @pytest.mark.parametrize("count", [2, 9, 17])
    def test_any_number_of_steps(self, epochs, count):
        history = learn(options(epochs=epochs), stripes(count, 0)).history
        assert [epoch.epoch for epoch in history] == list(range(1, epochs + 1))
        assert all(0 < epoch.learning_rate <= 0.02 for epoch in history)


class TestNoNumber:
    def test_a_rate_that_explodes_stops_with_words(self, monkeypatch):
        monkeypatch.setattr(training, "_is_finite", lambda network: False)
        with pytest.raises(UserError, match="smaller learning_rate"):
            learn(options(), stripes(24, 0), stripes(24, 0))

    @pytest.mark.parametrize("validated", [True, False])
    def test_the_epochs_before_it_count(self, monkeypatch, capsys, validated):
        real = training._train_epoch

        def explode_in_the_third(run, number, *rest):
            numbers = real(run, number, *rest)
            if number == 3:  # the last step of the epoch: its loss was computed before
                run.network.classifier[-1].weight.data.fill_(float("nan"))
            return numbers

        monkeypatch.setattr(training, "_train_epoch", explode_in_the_third)
        found = learn(options(epochs=6), stripes(24, 0), stripes(24, 0) if validated else None)
        assert found.diverged
        assert len(found.history) == 3
        assert found.best_epoch in ((1, 2) if validated else (2,))
        assert np.isfinite(inference.run_network(found.network, stripes(24, 0)[0])[0]).all()
        assert "epoch 3: the loss is no longer a number" in capsys.readouterr().err

    def test_really_explodes(self):
        wild = options(learning_rate=10.0, weight_decay=1e6, epochs=8)
        with pytest.raises(UserError, match="smaller learning_rate"):
            learn(wild, stripes(48, 0))


class TestNormalization:
    def test_statistics_against_numpy(self):
        images = noise(5, 9, 7, 3)
        mean, deviation = channel_statistics(images)
        np.testing.assert_allclose(mean, (images / 255).mean(axis=(0, 1, 2)))
        np.testing.assert_allclose(deviation, (images / 255).std(axis=(0, 1, 2)))

    def test_the_network_normalizes_by_itself(self):
        import torch

        from evenlight.models.cnn import build_network

        inference.prepare_torch(0)
        network = build_network(CnnOptions(kind="cnn", dropout=0), (16, 16, 3), 2).eval()
        mean, deviation = np.array([0.2, 0.5, 0.7]), np.array([0.1, 0.3, 0.2])
        images = noise(2, 16, 16, 3)
        normal = (images / 255 - mean) / deviation
        with torch.inference_mode():
            expected = network(torch.from_numpy(normal.transpose(0, 3, 1, 2)).float()).double().numpy()
        network.set_normalization(mean, deviation)
        np.testing.assert_allclose(inference.run_network(network, images)[0], expected, atol=1e-5)

    def test_training_normalizes_with_the_training_images(self, learned):
        mean, deviation = channel_statistics(stripes(240, 0)[0])
        assert learned.network.mean.ravel().tolist() == pytest.approx(mean.tolist())
        assert learned.network.deviation.ravel().tolist() == pytest.approx(deviation.tolist())

    @pytest.mark.parametrize("level", [0, 255])
    def test_constant_images_train(self, level):
        images = np.full((8, 8, 8, 3), level, np.uint8)
        found = learn(options(), (images, np.arange(8) % 2), classes=2)
        assert np.isfinite(found.history[-1].train_loss)
        assert np.isfinite(inference.run_network(found.network, images)[0]).all()

    def test_scale_is_0_to_1_and_channels_come_first(self):
        images = noise(2, 4, 5, 3)
        tensor = inference.to_tensor(images)
        assert tuple(tensor.shape) == (2, 3, 4, 5)
        assert float(tensor[1, 2, 3, 4]) == pytest.approx(images[1, 3, 4, 2] / 255)


def test_torch_is_prepared_whatever_it_was_before():
    import torch

    torch.set_num_threads(2)
    torch.set_deterministic_debug_mode("default")
    inference.prepare_torch(5)
    first = torch.rand(1)
    assert torch.get_num_threads() == 1
    assert torch.are_deterministic_algorithms_enabled()
    inference.prepare_torch(5, threads=2)
    assert torch.get_num_threads() == 2
    inference.prepare_torch(5)
    assert torch.get_num_threads() == 1
    assert first == torch.rand(1)


def test_another_seed_gives_another_network():
    first, again, other = (
        learn(options(), stripes(24, 0), seed=seed).network.classifier[-1].weight for seed in (0, 0, 1)
    )
    assert (first == again).all()
    assert not (first == other).all()


def test_options_and_the_small_modules_come_without_torch():
    """Checking params.yaml imports them in every Snakemake call."""
    code = (
        "import sys, evenlight.models.training, evenlight.models.classical, evenlight.models.artifacts;"
        "assert not {'torch', 'sklearn', 'pandas', 'scipy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=dict(os.environ))


def test_a_mirrored_network_says_the_same_of_mirror_images() -> None:
    from evenlight.models.cnn import build_network
    from evenlight.models.inference import network_logits, prepare_torch

    prepare_torch(0)
    images = np.random.default_rng(0).integers(0, 256, (5, 12, 10, 3), dtype=np.uint8)
    flipped = np.ascontiguousarray(images[:, :, ::-1])
    plain = build_network(CnnOptions(kind="cnn"), (12, 10, 3), 3)
    both = build_network(CnnOptions(kind="cnn", mirrored=True), (12, 10, 3), 3)
    both.load_state_dict(plain.state_dict())
    expected = (network_logits(plain, images) + network_logits(plain, flipped)) / 2
    assert np.abs(network_logits(plain, images) - expected).max() > 1e-3
    np.testing.assert_array_equal(network_logits(both, images), expected)
    np.testing.assert_allclose(network_logits(both, flipped), expected, atol=1e-6)
    with pytest.raises(ValueError, match="flip: false keeps out of training"):
        CnnOptions(kind="cnn", mirrored=True, flip=False)
