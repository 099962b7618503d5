"""What the course's reference models reach: the table that lecturers compare a class with.

    python benchmarks/reference_numbers.py [--quick] [--write]

Trains the reference VAE (784-400-20) on MNIST for ten epochs, and runs the guides whose models the
table names, from top to bottom, with the reference in the student's place. `--write` puts the
table into assignments/REFERENCE.md; `--quick` shows in a minute that everything runs. The exit
status is 1 where a number misses what is asked of it.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import platform
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from lab import data, guides

ROOT = Path(__file__).resolve().parents[1]
TABLE = ROOT / "assignments" / "REFERENCE.md"
BATCH = 128


@dataclass(frozen=True)
class Row:
    """One line of the table: what was measured, what is asked, what came out."""

    what: str
    asked: str
    value: str
    holds: bool


def solution(part: str) -> Path:
    """The reference's file of a part."""
    (path,) = ROOT.glob(f"assignments/*/instructor/{part}/solution.py")
    return path


def module(part: str) -> ModuleType:
    """The reference of a part, imported."""
    spec = importlib.util.spec_from_file_location(part, solution(part))
    assert spec is not None and spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[part] = loaded
    spec.loader.exec_module(loaded)
    return loaded


def flat(split: data.Split) -> Tensor:
    """Images in [0, 1], `(N, 784)`."""
    return split.images.flatten(1).float() / 255


@torch.no_grad()
def neg_elbo(vae: ModuleType, model: Any, x: Tensor) -> float:
    """Nats an image, one sample of z each, all of `x` `(N, 784)`."""
    total = 0.0
    for batch in x.split(1000):
        logits, mu, logvar, _ = model(batch)
        total += float(vae.vae_loss(logits, batch, mu, logvar)) * len(batch)
    return total / len(x)


def train_vae(epochs: int, quick: bool) -> tuple[list[Row], Any, Tensor]:
    """The 784-400-20 model of the VAE part: Adam 1e-3, batches of 128, BCE on gray pixels."""
    vae = module("vae")
    mnist = data.load("mnist-small" if quick else "mnist", fetch=True, report=print)
    train, test = flat(mnist.train), flat(mnist.test)
    torch.manual_seed(0)
    model = vae.VAE(784, 400, 20)
    adam = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    rows = []
    start = time.perf_counter()
    for epoch in range(1, epochs + 1):
        for index in torch.randperm(len(train)).split(BATCH):
            x = train[index]
            logits, mu, logvar, _ = model(x)
            loss = vae.vae_loss(logits, x, mu, logvar)
            adam.zero_grad(set_to_none=True)
            loss.backward()
            adam.step()
        limit = {5: 109.1, 10: 106.1}.get(epoch)
        if limit is not None:
            value = neg_elbo(vae, model, test)
            seconds = time.perf_counter() - start
            rows.append(
                Row(
                    f"`vae`: 784-400-20 on {mnist.name}, test −ELBO after {epoch} epochs",
                    f"at most {limit} nats",
                    f"{value:.1f} ({seconds:.0f} s)",
                    value <= limit,
                )
            )
            print(rows[-1].what, rows[-1].value)
    return rows, model, test


@torch.no_grad()
def bounds(model: Any, x: Tensor) -> list[Row]:
    """L1 < L5 < L50 on one model, each with its standard error, draws independent."""
    training = module("training")
    torch.manual_seed(1)
    mu, logvar = model.encode(x)
    found = []
    for samples in (1, 5, 50):
        per_image = []
        for some, m, v in zip(x.split(100), mu.split(100), logvar.split(100), strict=True):
            m, v = m[:, None], v[:, None]  # (B, 1, D)
            z = m + torch.exp(0.5 * v) * torch.randn(len(some), samples, m.shape[-1])
            logits = model.decode(z)  # (B, K, 784)
            log_px = torch.distributions.Bernoulli(logits=logits, validate_args=False).log_prob(
                some[:, None]
            )
            log_w = training.log_weights(log_px.sum(-1), z, m, v)
            per_image += [training.iwae_bound(one[None]) for one in log_w]
        found.append(torch.stack(per_image))
    means = [float(one.mean()) for one in found]
    # The bounds are compared image by image: images differ far more than bounds do.
    gaps = [b - a for a, b in pairwise(found)]
    errors = [float(gap.std() / len(gap) ** 0.5) for gap in gaps]
    holds = all(float(g.mean()) > 5 * e for g, e in zip(gaps, errors, strict=True))
    said = " < ".join(f"{value:.2f}" for value in means)
    steps = ", ".join(f"{float(g.mean()):.2f} ± {e:.2f}" for g, e in zip(gaps, errors, strict=True))
    what = f"`training`: L1 < L5 < L50 on that model, {len(x):,} test images"
    return [Row(what, "each step above 5 standard errors", f"{said} (steps {steps})", holds)]


def guide_rows(part: str, quick: bool, read: Callable[[str], list[Row]]) -> list[Row]:
    """Run a guide with the reference and read rows from what it prints."""
    (guide,) = guides.find(ROOT, [part])
    ran = guides.run(guide, solution(part), 1200, quick=quick)
    print(f"{part}: guide run in {ran.seconds:.0f} s")
    return read(ran.printed)


def number(text: str, pattern: str) -> float:
    """The number that a guide printed."""
    found = re.search(pattern, text, re.MULTILINE)
    if found is None:
        raise SystemExit(f"the guide prints nothing like {pattern!r} any more")
    return float(found[1])


def hierarchical(text: str) -> list[Row]:
    """Collapse of the top layer and its cure."""
    rows = []
    for name, due, fits in (
        ("naive", "0: collapsed", lambda n: n == 0),
        (r"\+ free bits", "above 0: cured", lambda n: n > 0),
    ):
        active = number(text, rf"^{name} .*active in z2: (\d+)")
        kl = number(text, rf"^{name} .*KL z2 +([\d.]+)")
        loss = number(text, rf"^{name} .*-ELBO +([\d.]+)")
        shown = name.replace("\\", "")
        rows.append(
            Row(
                f"`hierarchical_vae`: active units of z2, {shown}",
                due,
                f"{active:.0f} (KL {kl:.2f} nats, −ELBO {loss:.1f})",
                fits(active),
            )
        )
    return rows


def toy(text: str) -> list[Row]:
    """Two moons: energy distance of samples to fresh data."""
    value = number(text, r"^samples +energy distance +([-\d.]+)")
    floor = number(text, r"^other data +energy distance +([-\d.]+)")
    normal = number(text, r"^N\(0, I\) +energy distance +([-\d.]+)")
    said = f"{value:.4f} (other data {floor:.4f}, N(0, I) {normal:.4f})"
    what = "`toy_diffusion`: two moons, energy distance of 4,000 samples"
    return [Row(what, "below 0.01", said, value < 0.01)]


def discrete(text: str) -> list[Row]:
    """The bound of the masked model against letters guessed one by one."""
    bound = number(text, r"^your model, at most +([\d.]+)")
    unigram = number(text, r"^letters guessed one by one +([\d.]+)")
    exact = number(text, r"^entropy of the language +([\d.]+)")
    said = f"{bound:.3f} (unigram {unigram:.3f}, the language itself {exact:.3f})"
    what = "`discrete_diffusion`: bound in nats a letter"
    return [Row(what, "below the unigram entropy", said, exact < bound < unigram)]


def table(rows: list[Row], seconds: float) -> str:
    """The page as Markdown."""
    lines = [
        "# What the reference reaches",
        "",
        "Measured with the reference solutions, one seed each; `make reference` measures it anew.",
        "",
        "| model | asked | measured | |",
        "|---|---|---|---|",
        *(f"| {r.what} | {r.asked} | {r.value} | {'✓' if r.holds else '✗'} |" for r in rows),
        "",
        f"{os.cpu_count()} cores ({platform.machine()}), torch {torch.__version__}, "
        f"{seconds:.0f} s in all.",
        "",
    ]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--quick", action="store_true", help="little data, little training")
    parser.add_argument("--write", action="store_true", help=f"write {TABLE.relative_to(ROOT)}")
    arguments = parser.parse_args()
    quick: bool = arguments.quick
    start = time.perf_counter()
    torch.set_flush_denormal(True)
    rows, model, test = train_vae(10, quick)
    rows += bounds(model, test[: 200 if quick else 1000])
    for part, read in (
        ("hierarchical_vae", hierarchical),
        ("toy_diffusion", toy),
        ("discrete_diffusion", discrete),
    ):
        rows += guide_rows(part, quick, read)
    page = table(rows, time.perf_counter() - start)
    print(page)
    if arguments.write and not quick:
        TABLE.write_text(page, encoding="utf-8")
    return 0 if quick or all(row.holds for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
