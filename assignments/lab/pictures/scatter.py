"""The latent space from above: where the codes of each class lie."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from lab.errors import LabError
from lab.pictures.chart import CLASSES, MARKERS, chart
from lab.pictures.decoding import Codes
from lab.pictures.latents import principal_axes
from lab.pictures.text import FAINT, INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from PIL.Image import Image

PLANES = ("auto", "active", "pca")
_MOST_NAMES = 20


def latent_scatter(codes: Codes, classes: Sequence[str] = (), *, plane: str = "auto") -> Image:
    """Posterior means in the plane, colored by class; `grids/latent_scatter.png`.

    Args:
        codes: of many images, with their labels from the data set.
        classes: their names.
        plane: for more than two dimensions, "active": the two most used ones; "pca": the two
            directions of largest variance, which is what "auto" takes.

    Raises:
        LabError: an unknown plane, or codes that are not numbers.
    """
    if plane not in PLANES:
        raise LabError(f"There is no plane {plane!r}.", f"Choose one of {', '.join(PLANES)}.")
    keep = torch.isfinite(codes.mu).all(1)
    if not bool(keep.any()):
        raise LabError(
            "No code is a number: the model has diverged.", "Train again with a lower optim.lr."
        )
    codes = Codes(
        codes.mu[keep], None if codes.logvar is None else codes.logvar[keep], codes.labels[keep]
    )
    if codes.mu.shape[1] == 1:
        return _line(codes, classes)
    points, names, how = _project(codes, plane)
    circles = codes.logvar is not None
    note = f"{_point(codes)}. The labels come from the data set; the model has never seen one."
    if circles:
        note += " Circles: 1, 2 and 3 standard deviations of the prior. Where no points lie inside "
        note += "them, draws from the prior decode to images that no data asked for."
    with chart(9.6, 7.8, f"Codes of {len(points):,} test images: {how}", note) as drawn:
        axes = drawn.figure.add_subplot()
        if circles:
            _circles(axes)
        order = torch.randperm(len(points), generator=torch.Generator().manual_seed(0))
        _points(axes, points, codes.labels, classes, order)
        _names(axes, points, codes.labels, classes)
        axes.set_xlabel(names[0])
        axes.set_ylabel(names[1])
        axes.set_aspect("equal", adjustable="datalim")
    return drawn.image


def _project(codes: Codes, plane: str) -> tuple[Tensor, tuple[str, str], str]:
    """Points `(N, 2)`, names of the axes, and words for the title."""
    size = codes.mu.shape[1]
    if size == 2:
        return codes.mu, ("z₀", "z₁"), "both dimensions"
    if plane == "active":
        dims = codes.order[:2]
        names = (f"dimension {dims[0]}", f"dimension {dims[1]}")
        return codes.mu[:, dims], names, f"the 2 most used of {size} dimensions"
    # Turned but not centered, so that the prior's circles stay where they are.
    axes, parts = principal_axes(codes.mu)
    share = [f"{part:.0%} of the variance" for part in parts.tolist()]
    names = (f"principal axis 1 ({share[0]})", f"principal axis 2 ({share[1]})")
    return codes.mu @ axes, names, f"{size} dimensions seen along 2 principal axes (PCA)"


def _points(
    axes: Axes, points: Tensor, labels: Tensor, classes: Sequence[str], order: Tensor
) -> None:
    """All classes mixed, so that the last one drawn does not cover the others."""
    size = 26 if len(points) <= 500 else (14 if len(points) <= 3000 else 8)
    pieces = torch.split(order, max(1, len(order) // 8))
    for label in sorted(set(labels.tolist())):
        color, marker = _style(label)
        name = _name(label, classes)
        axes.scatter([], [], s=60, color=color, marker=marker, linewidths=0, label=name)
    for piece in pieces:
        for label in sorted(set(labels[piece].tolist())):
            x, y = points[piece][labels[piece] == label].T.numpy()
            color, marker = _style(label)
            axes.scatter(x, y, s=size, color=color, marker=marker, alpha=0.75, linewidths=0)
    if bool((labels >= 0).any()):
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), title="class", fontsize=11)


def _names(axes: Axes, points: Tensor, labels: Tensor, classes: Sequence[str]) -> None:
    """Each class's name amid its points, pushed aside where two would overlap."""
    present = [label for label in sorted(set(labels.tolist())) if label >= 0]
    if not present or len(present) > _MOST_NAMES:
        return
    names = [_name(label, classes) for label in present]
    at = torch.stack([points[labels == label].median(0).values for label in present])
    high = 0.062 * float((points.amax(0) - points.amin(0)).max())
    room = torch.tensor([high * max(1.0, 0.55 * max(map(len, names))), high])
    # Without this, classes with one center would be pushed nowhere.
    at = at + 1e-3 * room * torch.arange(len(at))[:, None]
    for _ in range(60):
        apart = (at[:, None] - at) / room  # (K, K, 2), 1 is the room that a name takes
        far = apart.norm(dim=-1).clamp(min=1e-6)
        push = (1 - far).clamp(min=0) * (1 - torch.eye(len(at)))
        at = at + 0.4 * room * (push / far).unsqueeze(-1).mul(apart).sum(1)
    for label, name, (x, y) in zip(present, names, at.tolist(), strict=True):
        frame = {"boxstyle": "round,pad=0.2", "fc": "white", "ec": _style(label)[0], "lw": 2.5}
        axes.text(
            x, y, name, color=INK, size=13, weight="bold", ha="center", va="center", bbox=frame
        )


def _line(codes: Codes, classes: Sequence[str]) -> Image:
    """One dimension: a strip for each class, shaken up and down so that points do not hide."""
    labels = sorted(set(codes.labels.tolist()))
    note = (
        f"{_point(codes)}; its height within a row means nothing. With one dimension, all classes "
        "have to share a line. Labels come from the data set; the model has never seen one."
    )
    title = f"Codes of {len(codes.mu):,} test images: the only dimension"
    with chart(9.6, 2.4 + 0.48 * len(labels), title, note) as drawn:
        axes = drawn.figure.add_subplot()
        shake = torch.Generator().manual_seed(0)
        for row, label in enumerate(labels):
            mine = codes.mu[codes.labels == label, 0]
            height = row + 0.6 * (torch.rand(len(mine), generator=shake) - 0.5)
            color, marker = _style(label)
            x, y = mine.numpy(), height.numpy()
            axes.scatter(x, y, s=10, color=color, marker=marker, alpha=0.6, linewidths=0)
        axes.set_yticks(range(len(labels)), [_name(label, classes) for label in labels])
        axes.invert_yaxis()
        axes.set_xlabel("z₀")
        if codes.logvar is not None:
            axes.axvspan(-1, 1, color="#f1f1f1", zorder=0)
            axes.axvline(0, color=FAINT, linewidth=0.8)
    return drawn.image


def _circles(axes: Axes) -> None:
    turn = torch.linspace(0, 2 * torch.pi, 181)
    for radius in (1, 2, 3):
        x, y = (radius * turn.cos()).numpy(), (radius * turn.sin()).numpy()
        axes.plot(x, y, color=FAINT, linewidth=0.9, linestyle=(0, (4, 3)), zorder=0.5)
        axes.annotate(f"{radius}σ", (0, radius), color=INK, fontsize=9, ha="center", va="bottom")


def _point(codes: Codes) -> str:
    what = "code of one" if codes.logvar is None else "posterior mean of one"
    return f"Each point is the {what} test image"


def _style(label: int) -> tuple[str, str]:
    """Color and shape of a class; the shape carries it where colors run out."""
    turn = label // len(CLASSES) + label
    return CLASSES[label % len(CLASSES)], MARKERS[turn % len(MARKERS)]


def _name(label: int, classes: Sequence[str]) -> str:
    if label < 0:
        return "unlabeled"
    return classes[label] if label < len(classes) else str(label)
