"""Training of networks on CIFAR-10 JPEGs: speed of loops around one network, and accuracy for equal CPU time.

    .venv/bin/python benchmarks/training.py                           images per CPU second, loops taking turns
    .venv/bin/python benchmarks/training.py --network fast_resnet     the same with another network
    .venv/bin/python benchmarks/training.py --accuracy                every recipe and budget: about 1.5 CPU hours
    .venv/bin/python benchmarks/training.py --accuracy fast_resnet --budget 60     some of them

All have one thread, the same network, batches of 256, a flip and SGD with Nesterov momentum on a one-cycle schedule.
CPU seconds hold everything but imports and, of accuracy, the test. Lightning takes part where it can be imported:

    .venv/bin/python -m pip install --target /tmp/peers --no-deps lightning pytorch-lightning lightning-utilities torchmetrics fsspec
    PYTHONPATH=/tmp/peers .venv/bin/python benchmarks/training.py
"""  # noqa: E501

import argparse
import importlib.util
import os
import statistics
import tarfile
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from evenlight import runtime

runtime.fix_environment()  # one numeric thread, before numpy is imported

import cv2  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
from torchvision import datasets, transforms  # noqa: E402

from evenlight.models.cnn import Network, build_network  # noqa: E402
from evenlight.models.cnn_options import CnnOptions  # noqa: E402
from evenlight.models.inference import network_logits, prepare_torch  # noqa: E402
from evenlight.models.training import Examples, train_network  # noqa: E402

SHARED = Path(os.environ.get("EVENLIGHT_TEST_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
CLASS_COUNT = 10
SIDE = 32
BATCH = 256
RATE = 0.1
LOOP_IMAGES = 4096

BUDGETS = (60, 300, 900)  # CPU seconds
# epochs are what a budget allowed on the machine of docs/benchmarks.md
COMMON = {"kind": "cnn", "device": "cpu"}
PLAIN = COMMON | {"batch_size": BATCH, "learning_rate": RATE, "dropout": 0.0}
FAST = COMMON | {
    "network": "fast_resnet", "precision": "bfloat16", "optimizer": "muon", "batch_size": 512, "learning_rate": 0.24,
    "momentum": 0.6, "weight_decay": 0.0, "warm_up": 0.1, "label_smoothing": 0.2, "dropout": 0.0, "crop": 2,
    "small_first": 0.5,
}  # fmt: skip
# options, and those that depend on the budget
RECIPES: dict[str, tuple[dict[str, Any], tuple[dict[str, Any], ...]]] = {
    "course": (
        PLAIN | {"network": "course", "learning_rate": 0.05},
        ({"epochs": 7}, {"epochs": 36}, {"epochs": 108}),
    ),
    "small": (PLAIN | {"network": "small"}, ({"epochs": 2}, {"epochs": 13}, {"epochs": 38})),
    "fast_resnet": (
        FAST,
        ({"epochs": 2, "width": 0.5}, {"epochs": 5, "width": 0.75}, {"epochs": 9}),
    ),
}

LIGHTNING_EPOCHS = (2, 9, 27)  # of `small`


class Part(NamedTuple):
    """Images uint8 (N, 32, 32, 3) and class codes (N,)."""

    images: np.ndarray
    codes: np.ndarray


def compare_loops(name: str, rounds: int) -> None:
    """Print images per CPU second of every loop around the network `name`, and how many times faster ours is."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        part = unpack_some(folder)
        loops: dict[str, Callable[[], object]] = {
            "plain PyTorch loop, DataLoader over arrays": lambda: plain_loop(name, ArrayDataset(part)),
            "plain PyTorch loop, torchvision ImageFolder": lambda: plain_loop(name, folder_dataset(folder)),
            "Evenlight, float32": lambda: our_loop(name, part, "float32"),
            "Evenlight, bfloat16": lambda: our_loop(name, part, "bfloat16"),
        }
        if importlib.util.find_spec("lightning"):
            loops["Lightning, DataLoader over arrays"] = lambda: lightning_loop(name, ArrayDataset(part), 1)
        seconds: dict[str, list[float]] = {title: [] for title in loops}
        for number in range(rounds + 1):
            for title, loop in loops.items():
                start = time.process_time()
                loop()
                if number:  # the first round pays imports and first calls
                    seconds[title].append(time.process_time() - start)
    print(f"\n{name}, {len(part.codes):,} images, median of {rounds} rounds")
    print(f"{'loop':46}{'images/CPU s':>13}{'float32 of ours is faster by':>30}")
    for title, times in seconds.items():
        ours = seconds["Evenlight, float32"]
        ratio = statistics.median(one / other for one, other in zip(times, ours, strict=True))
        print(f"{title:46}{len(part.codes) / statistics.median(times):13,.0f}{ratio:28.2f} x", flush=True)


def our_loop(name: str, part: Part, precision: str) -> None:
    """One epoch of `train_network`."""
    options = CnnOptions(**PLAIN | {"network": name, "epochs": 1, "precision": precision})
    train_network(options, Examples(*part), nothing(part), CLASS_COUNT, seed=0)


def plain_loop(name: str, dataset: torch.utils.data.Dataset) -> None:
    """One epoch as PyTorch's tutorials write it."""
    network = new_network(name)
    loader = torch.utils.data.DataLoader(dataset, batch_size=BATCH, shuffle=True)
    optimizer, schedule = optimizer_and_schedule(network, len(loader))
    network.train()
    for images, codes in loader:
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(network(images), codes)
        loss.backward()
        optimizer.step()
        schedule.step()


def lightning_loop(name: str, dataset: torch.utils.data.Dataset, epochs: int) -> Network:
    """The same by Lightning's Trainer."""
    import lightning.pytorch as lightning

    class Classifier(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.network = new_network(name)

        def training_step(self, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
            images, codes = batch
            return torch.nn.functional.cross_entropy(self.network(images), codes)

        def configure_optimizers(self) -> dict[str, Any]:
            steps = int(self.trainer.estimated_stepping_batches)
            optimizer, schedule = optimizer_and_schedule(self.network, steps)
            return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    loader = torch.utils.data.DataLoader(dataset, batch_size=BATCH, shuffle=True)
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    model = Classifier()
    trainer = lightning.Trainer(max_epochs=epochs, accelerator="cpu", enable_model_summary=False, **quiet)
    trainer.fit(model, loader)
    return model.network.eval()


def new_network(name: str) -> Network:
    """The network by itself, its normalization CIFAR's as everybody writes it."""
    prepare_torch(0)
    torch.set_deterministic_debug_mode("default")
    network = build_network(CnnOptions(**PLAIN | {"network": name}), (SIDE, SIDE, 3), CLASS_COUNT)
    network.set_normalization(np.array([0.4914, 0.4822, 0.4465]), np.array([0.247, 0.2435, 0.2616]))
    return network


def optimizer_and_schedule(network: Network, steps: int) -> tuple[Any, Any]:
    """What CnnOptions means by `sgd` and one cycle, of torch's own."""
    learning = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimizer = torch.optim.SGD(learning, lr=RATE, momentum=0.9, weight_decay=5e-4, nesterov=True)
    return optimizer, torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=RATE, total_steps=steps + 1, pct_start=0.2, cycle_momentum=False
    )


CHANGES = transforms.Compose([transforms.RandomHorizontalFlip(), transforms.ToTensor()])


class ArrayDataset(torch.utils.data.Dataset):
    """Decoded images, changed one at a time as torchvision's CIFAR10 does it."""

    def __init__(self, part: Part) -> None:
        self.part = part

    def __len__(self) -> int:
        return len(self.part.codes)

    def __getitem__(self, row: int) -> tuple[torch.Tensor, int]:
        image = transforms.functional.to_pil_image(self.part.images[row])
        return CHANGES(image), int(self.part.codes[row])


def folder_dataset(folder: Path) -> datasets.ImageFolder:
    """JPEGs decoded whenever they are asked for."""
    return datasets.ImageFolder(str(folder), CHANGES)


def nothing(part: Part) -> Examples:
    """No validation image: the last epoch counts, and no time goes into looking."""
    return Examples(part.images[:0], part.codes[:0])


def compare_accuracy(names: list[str], budgets: list[int]) -> None:
    """Print test accuracy of recipes, each trained from scratch for every budget."""
    training, test = read_part("train"), read_part("test")
    print(
        f"{'recipe':32}{'budget':>8}{'epochs':>8}{'CPU s':>8}{'accuracy':>10}{'with flipped':>14}", flush=True
    )
    for budget in budgets:
        for name in names:
            options, by_budget = RECIPES[name]
            settings = CnnOptions(**options | by_budget[BUDGETS.index(budget)])
            start = time.process_time()
            outcome = train_network(settings, Examples(*training), nothing(training), CLASS_COUNT, seed=0)
            print_accuracy(name, budget, settings.epochs, time.process_time() - start, outcome.network, test)
        if importlib.util.find_spec("lightning") and "small" in names:
            count = LIGHTNING_EPOCHS[BUDGETS.index(budget)]
            start = time.process_time()
            network = lightning_loop("small", ArrayDataset(training), count)
            print_accuracy("small by Lightning", budget, count, time.process_time() - start, network, test)


def print_accuracy(name: str, budget: int, epochs: int, seconds: float, network: Network, test: Part) -> None:
    """One line; `with flipped` sums the logits of an image and its mirror image."""
    logits = network_logits(network, test.images)
    both = logits + network_logits(network, np.ascontiguousarray(test.images[:, :, ::-1]))
    alone, together = ((scores.argmax(axis=1) == test.codes).mean() for scores in (logits, both))
    print(f"{name:32}{budget:8}{epochs:8}{seconds:8.0f}{alone:10.4f}{together:14.4f}", flush=True)


def read_part(split: str) -> Part:
    """All images of `train` or `test`, in the order of their paths."""
    files: dict[str, bytes] = {}
    with tarfile.open(SHARED / "cifar10_jpg.tar.xz") as archive:
        for member in archive:
            parts = Path(member.name).parts
            if member.isfile() and split in parts and member.name.endswith(".jpg"):
                stream = archive.extractfile(member)
                assert stream is not None
                files["/".join(parts[-2:])] = stream.read()
    paths = sorted(files)
    classes = sorted({path.split("/")[0] for path in paths})
    images = [cv2.imdecode(np.frombuffer(files[path], np.uint8), cv2.IMREAD_COLOR_RGB) for path in paths]
    return Part(np.array(images), np.array([classes.index(path.split("/")[0]) for path in paths]))


def unpack_some(folder: Path) -> Part:
    """Write every so-many-th training image below `folder`, and return the same decoded."""
    whole = read_part("train")
    rows = np.arange(LOOP_IMAGES) * len(whole.codes) // LOOP_IMAGES
    for row in rows:
        file = folder / str(whole.codes[row]) / f"{row:05}.jpg"
        file.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(file), whole.images[row][..., ::-1])
    return Part(whole.images[rows], whole.codes[rows])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--network", default="small", help="that the loops train")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--accuracy", nargs="*", choices=RECIPES, metavar="RECIPE", help=", ".join(RECIPES))
    parser.add_argument("--budget", type=int, nargs="*", choices=BUDGETS, help="CPU seconds")
    options = parser.parse_args()
    if options.accuracy is None:
        compare_loops(options.network, options.rounds)
    else:
        compare_accuracy(options.accuracy or list(RECIPES), options.budget or list(BUDGETS))


if __name__ == "__main__":
    main()
