"""How much faster the lab trains than a plain PyTorch loop, as a ratio within one run.

    python benchmarks/training_speed.py [--epochs 3] [--limit N] [--turns 2] [--profile]

Both train the same model (784-400-20, the same first weights) on the same MNIST images with Adam,
learning rate 1e-3, batches of 128, in turns, so that a drift of the machine's speed meets both.

plain  the loop of the VAE in pytorch/examples with the settings it has on a CPU: a DataLoader
       (shuffle, num_workers=0) over a data set that, as torchvision's MNIST with ToTensor does,
       makes a PIL image of each row and a float tensor in [0, 1] of that; loss.item() each step
lab    `lab.training.train`, the whole call: checks, metrics.csv, train.log and checkpoints too

-ELBO is that of the 10,000 test images, one sample, nats.
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from lab import objective
from lab.config import Config, parse
from lab.data import Dataset, Split, batches, load
from lab.models import build
from lab.models.base import LatentModel
from lab.training import open_run, precision, train


class Turn(NamedTuple):
    """One training: seconds of wall clock and of all cores, images seen, test −ELBO in nats."""

    seconds: float
    cpu_seconds: float
    images: int
    neg_elbo: float

    @property
    def speed(self) -> float:
        return self.images / self.seconds


class PlainMnist(TorchDataset[tuple[Tensor, int]]):
    """torchvision.datasets.MNIST(transform=ToTensor()), step by step, for one image at a time."""

    def __init__(self, split: Split) -> None:
        self.data, self.targets = split.images[:, 0], split.labels

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        image, target = self.data[index], int(self.targets[index])
        return self.to_tensor(Image.fromarray(image.numpy())), target

    @staticmethod
    def to_tensor(image: Image.Image) -> Tensor:
        """torchvision.transforms.functional.to_tensor, its path for 8-bit grey images."""
        pixels = torch.from_numpy(np.array(image, np.uint8, copy=True))
        pixels = pixels.view(image.size[1], image.size[0], len(image.getbands()))
        pixels = pixels.permute((2, 0, 1)).contiguous()
        return pixels.to(dtype=torch.get_default_dtype()).div(255)


def plain(config: Config, dataset: Dataset) -> LatentModel:
    """The example's loop; printing left out."""
    torch.manual_seed(config.train.seed)
    model = build(config.model, dataset.image_shape)
    loader = DataLoader(PlainMnist(dataset.train), batch_size=config.optim.batch_size, shuffle=True)
    optimizer = torch.optim.Adam(model.parameters(), lr=config.optim.lr)
    for _ in range(config.optim.epochs):
        model.train()
        train_loss = 0.0
        for data, _ in loader:
            optimizer.zero_grad()
            logits, mu, logvar, _ = model(data)
            bce = F.binary_cross_entropy_with_logits(logits, data, reduction="sum")
            kld = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
            loss = bce + kld
            loss.backward()
            train_loss += loss.item()
            optimizer.step()
    return model.eval()


def lab(config: Config, dataset: Dataset) -> LatentModel:
    """The lab's loop, in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        result = train(config.model_copy(update={"outputs": Path(folder)}), dataset)
        if result.stopped is not None:  # Ctrl-C or `timeout`: a part of a run has no speed
            raise SystemExit(130)
        return open_run(result.outputs, "last").model


def turn(job: Callable[[Config, Dataset], LatentModel], config: Config, dataset: Dataset) -> Turn:
    """Train once and measure."""
    start, cpu = time.perf_counter(), time.process_time()
    model = job(config, dataset)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    torch.manual_seed(0)
    total = sum(float(objective.elbo(model, x).sum()) for x, _ in batches(dataset.test, 1000))
    images = len(dataset.train) * config.optim.epochs
    return Turn(seconds, cpu, images, -total / len(dataset.test))


def say(name: str, turns: list[Turn]) -> float:
    """One line; the median speed."""
    speed = statistics.median(t.speed for t in turns)
    cores = statistics.median(t.cpu_seconds / t.seconds for t in turns)
    elbos = ", ".join(f"{t.neg_elbo:.2f}" for t in turns)
    low, high = min(t.speed for t in turns), max(t.speed for t in turns)
    print(
        f"{name:<6}{speed:9,.0f} images/s ({low:,.0f} to {high:,.0f}), "
        f"{cores:.1f} cores busy, test -ELBO {elbos}"
    )
    return speed


def profile(config: Config, dataset: Dataset) -> None:
    """Where the lab's time goes: operators by their own time."""
    from torch.profiler import ProfilerActivity
    from torch.profiler import profile as profiler

    with profiler(activities=[ProfilerActivity.CPU]) as seen:
        start = time.perf_counter()
        lab(config, dataset)
        wall = time.perf_counter() - start
    rows = sorted(seen.key_averages(), key=lambda row: -row.self_cpu_time_total)
    total = sum(row.self_cpu_time_total for row in rows) / 1e6
    matmul = sum(r.self_cpu_time_total for r in rows if r.key in ("aten::addmm", "aten::mm")) / 1e6
    print(f"profile: {wall:.1f} s, {total:.1f} s of them in operators, matmul {matmul / total:.0%}")
    for row in rows[:8]:
        print(f"  {row.self_cpu_time_total / 1e6 / total:5.1%}  {row.key} × {row.count}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--limit", type=int, help="use only so many training images")
    parser.add_argument("--turns", type=int, default=2, help="trainings of each")
    parser.add_argument("--threads", type=int, help="torch's own choice if not given")
    parser.add_argument("--data", default="mnist", help="another data set of the lab")
    parser.add_argument("--profile", action="store_true", help="show what bounds the lab")
    arguments = parser.parse_args()
    if min(arguments.epochs, arguments.turns) < 1:
        parser.error("--epochs and --turns must be at least 1")
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    dataset = load(arguments.data, limit=arguments.limit)
    config = parse(
        {
            "data": {"name": arguments.data, "valid": 0},
            "model": {"name": "mlp", "latent_dim": 20, "hidden_dim": 400},
            "optim": {"lr": 1e-3, "batch_size": 128, "epochs": arguments.epochs},
            "train": {"tensorboard": False},
        },
        "this benchmark",
    )
    with precision.fast_matmul(torch.device("cpu")) as onednn:
        load_average = os.getloadavg()[0] if hasattr(os, "getloadavg") else math.nan
    print(
        f"{len(dataset.train):,} images, {arguments.epochs} epochs, {torch.get_num_threads()} "
        f"threads, load {load_average:.1f}; lab's matmul: {'oneDNN' if onednn else 'as in plain'}"
    )
    few = dataset.train.take(1280)  # what a first call imports and compiles is nobody's speed
    small = Dataset("warm-up", few, dataset.test.take(100), dataset.classes, "")
    once = config.model_copy(update={"optim": config.optim.model_copy(update={"epochs": 1})})
    turn(plain, once, small), turn(lab, once, small)
    both: list[tuple[Turn, Turn]] = []
    for _ in range(arguments.turns):
        both.append((turn(plain, config, dataset), turn(lab, config, dataset)))
    slow = say("plain", [pair[0] for pair in both])
    fast = say("lab", [pair[1] for pair in both])
    ratios = sorted(b.speed / a.speed for a, b in both)
    work = statistics.median(a.cpu_seconds / b.cpu_seconds for a, b in both)
    print(
        f"ratio  {fast / slow:.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f} in {len(both)} pairs), "
        f"{work:.2f} in CPU seconds"
    )
    if arguments.profile:
        profile(config, dataset)


if __name__ == "__main__":
    main()
