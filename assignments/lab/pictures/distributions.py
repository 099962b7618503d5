"""Is the latent space used, and does it look like the prior? KL bars and histograms."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from lab.errors import LabError
from lab.pictures.chart import BLUE, GRAY, ORANGE, chart
from lab.pictures.decoding import Codes
from lab.pictures.latents import draw

if TYPE_CHECKING:
    from PIL.Image import Image

ACTIVE = 0.1  # nats; below that a dimension says next to nothing about the image
_MOST = 16  # histograms


def kl_per_dim(codes: Codes) -> Image:
    """KL of each latent dimension to the prior as bars, the most used first;
    `grids/kl_per_dim.png`.

    Raises:
        LabError: a model without a posterior, or a KL that is not a number.
    """
    kl = codes.kl
    if kl is None:
        raise LabError(
            "This model has no posterior, so it has no KL to draw.",
            "Choose a variational model, `model.name: conv` for example.",
        )
    if not bool(torch.isfinite(kl).all()):
        raise LabError(
            "The KL is not a number: the model has diverged.", "Train again with a lower optim.lr."
        )
    order = codes.order
    values = kl[order].tolist()
    active = sum(value > ACTIVE for value in values)
    size = len(values)
    with chart(
        min(16.0, max(7.0, 2.5 + 0.3 * size)),
        4.8,
        f"KL per latent dimension: {active} of {size} active, {sum(values):.1f} nats in all",
        f"Mean over {len(codes.mu):,} test images, the most used dimension first. Below "
        f"{ACTIVE} nats (gray) a dimension says next to nothing about the image: its posterior is "
        "the prior. All bars gray means posterior collapse.",
    ) as drawn:
        axes = drawn.figure.add_subplot()
        colors = [BLUE if value > ACTIVE else GRAY for value in values]
        axes.bar(range(size), values, color=colors, width=0.8)
        axes.axhline(ACTIVE, color=ORANGE, linestyle="--", linewidth=1.4)
        every = -(-size // 64)
        ticks = range(0, size, every)
        axes.set_xticks(ticks, [str(order[i]) for i in ticks], fontsize=10 if size <= 32 else 8)
        side = 0.8 + max(0.0, 2.5 - size / 2)  # two bars alone would be two walls
        axes.set_xlim(-side, size - 1 + side)
        axes.set_ylim(0, max(0.5, 1.08 * max(values)))
        axes.grid(visible=False, axis="x")
        axes.set_xlabel("latent dimension")
        axes.set_ylabel("KL (nats)")
    return drawn.image


def posterior_vs_prior(codes: Codes, *, seed: int = 0) -> Image:
    """Histograms of the aggregate posterior against N(0, 1), for the dimensions in use;
    `grids/posterior_vs_prior.png`.

    For a model without a posterior: of its codes.

    Raises:
        LabError: codes that are not numbers.
    """
    if not bool(torch.isfinite(codes.mu).all()):
        raise LabError(
            "Some codes are not numbers: the model has diverged.",
            "Train again with a lower optim.lr.",
        )
    noise = torch.Generator().manual_seed(seed)
    z = codes.mu if codes.logvar is None else draw(codes.mu, codes.logvar, noise)
    dims = codes.order[:_MOST]
    columns = min(4, len(dims)) if len(dims) != 3 else 3
    rows = -(-len(dims) // columns)
    size = codes.mu.shape[1]
    some = (
        f"the {len(dims)} most used of {size} dimensions" if len(dims) < size else "each dimension"
    )
    if codes.logvar is None:
        title = f"Codes and N(0, 1): {some}"
        note = (
            "This autoencoder was never asked to follow N(0, 1), the black line. Codes drawn from "
            "it lie where its decoder has learned nothing."
        )
    else:
        title = f"Aggregate posterior and prior: {some}"
        note = (
            "Blue: draws z ~ q(z|x) over all test images. Orange: the posterior means alone. Black "
            "line: the prior N(0, 1). Blue should follow the line; where orange is a spike at 0, "
            "the dimension is unused."
        )
    with chart(max(6.5, 3.2 * columns), 1.6 + 2.2 * rows, title, note) as drawn:
        grid = drawn.figure.subplots(rows, columns, squeeze=False)
        for axes in grid.flat[len(dims) :]:
            axes.set_visible(False)
        for axes, dim in zip(grid.flat, dims, strict=False):
            own = z[:, dim]
            reach = max(3.5, float(own.abs().quantile(0.995)) * 1.1)
            edges = torch.linspace(-reach, reach, 51)
            axes.hist(own.numpy(), edges.numpy(), density=True, color=BLUE, alpha=0.55)
            if codes.logvar is not None:
                axes.hist(
                    codes.mu[:, dim].numpy(),
                    edges.numpy(),
                    density=True,
                    histtype="step",
                    color=ORANGE,
                    linewidth=1.4,
                )
            line = torch.linspace(-reach, reach, 201)
            bell = torch.exp(-0.5 * line.square()) / math.sqrt(2 * math.pi)
            axes.plot(line.numpy(), bell.numpy(), color="#333333", linewidth=1.6)
            use = f"{float(codes.activity[dim]):.2f}"
            measure = f"KL {use}" if codes.logvar is not None else f"variance {use}"
            axes.set_title(f"dimension {dim}, {measure}", fontsize=11)
            axes.set_yticks([])
            axes.spines["left"].set_visible(False)
            axes.grid(visible=False)
            axes.set_xlim(-reach, reach)
            # A spike of means is told in words; it must not flatten the rest.
            axes.set_ylim(0, max(0.55, 1.15 * _highest(own, edges)))
    return drawn.image


def _highest(values: torch.Tensor, edges: torch.Tensor) -> float:
    """Height of the tallest bar of a density."""
    counts = torch.histc(values, len(edges) - 1, float(edges[0]), float(edges[-1]))
    return float(counts.max() / max(1, len(values)) / (edges[1] - edges[0]))
