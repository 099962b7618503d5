"""Images drawn in code, so that tests and first tries need no file and no network.

A class is a drawing, kept as the distance of each point of the plane to its ink. An image samples
that field through a map of its own (turn, size, slant, shift, a slight wave) and inks what is
nearer than half its pen's width; the last pixel of the edge is gray.
"""

from __future__ import annotations

import math
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as F

from lab.data.store import Dataset, Split

TRAIN, TEST = 2_000, 500

_FIELD = 96  # points along each side of a distance field
_SHAPES = (
    *("disk", "ring", "square", "frame", "triangle"),
    *("diamond", "plus", "saltire", "bars", "moon"),
)


def dataset(*, rgb: bool = False, seed: int = 0, limit: int | None = None) -> Dataset:
    """Ten classes that take turns: strokes like digits, or colored shapes.

    Args:
        rgb: shapes of 3×32×32 instead of digits of 1×28×28.
        seed: the same seed gives the same images; training and test images never share theirs.
        limit: draw only so many of the 2,000 training images.
    """
    name = "synthetic-rgb" if rgb else "synthetic"
    count = TRAIN if limit is None else min(limit, TRAIN)
    train, test = draw(count, seed=2 * seed, rgb=rgb), draw(TEST, seed=2 * seed + 1, rgb=rgb)
    classes = _SHAPES if rgb else tuple("0123456789")
    return Dataset(name, train, test, classes, f"code, drawn with seed {seed}")


def draw(count: int, *, seed: int, rgb: bool = False) -> Split:
    """`count` images, `(count, 1, 28, 28)` or `(count, 3, 32, 32)`; the labels take turns.

    Fewer images of the same seed are the first of more.
    """
    generator = torch.Generator().manual_seed(seed)
    # A row for each image, so that its luck does not depend on how many come after it.
    luck = torch.rand(count, 22, generator=generator) * 2 - 1
    labels = torch.arange(count) % 10
    if rgb:
        ink = _ink(_shape_fields(), labels, 32, luck[:, :10], pen=0.0, slant=0.0)
        images = _color(ink, luck[:, 10:] / 2 + 0.5)
    else:
        images = _ink(_digit_fields(), labels, 28, luck[:, :10], pen=0.17, slant=0.25)
    return Split(images.mul(255).round_().to(torch.uint8), labels)


def _ink(
    fields: Tensor, labels: Tensor, size: int, luck: Tensor, pen: float, slant: float
) -> Tensor:
    """How much of each pixel is inked, `(N, 1, size, size)` in [0, 1]; `luck` is `(N, 10)`."""
    turn, scale, lean, breadth = luck[:, :4].unbind(1)
    turn, scale, lean = 0.22 * turn, 1 + 0.14 * scale, slant * lean
    shift, wave, phase = luck[:, 4:].view(-1, 1, 3, 2).unbind(2)
    cos, sin = torch.cos(turn) / scale, torch.sin(turn) / scale
    linear = torch.stack([cos, lean * cos - sin, sin, lean * sin + cos], 1).view(-1, 2, 2)
    points = _plane(size).view(1, -1, 2) @ linear.mT + 0.12 * shift
    points = points + 0.05 * wave * torch.sin(math.pi * (points.flip(-1) + phase))
    width = pen * (1 + 0.35 * breadth) if pen else 0.04 * breadth
    drawn = torch.empty(len(labels), 1, size, size)
    for label, field in enumerate(fields):
        mine = labels == label
        distance = F.grid_sample(
            field.view(1, 1, _FIELD, _FIELD),
            points[mine].view(1, -1, size * size, 2),
            padding_mode="border",
            align_corners=True,
        )
        # One pixel is 2 / size wide: the edge turns from ink to paper across one and a half.
        edge = (width[mine].view(1, 1, -1, 1) / 2 - distance) * (size / 3) + 0.5
        drawn[mine] = edge.clamp_(0, 1).view(-1, 1, size, size)
    return drawn


def _color(ink: Tensor, luck: Tensor) -> Tensor:
    """Give each drawing a color of its own before a darker paper that brightens to one side;
    `luck` is `(N, 12)` in [0, 1]."""
    count, _, size, _ = ink.shape
    paper, paint, slope = luck[:, :3], luck[:, 3:6], luck[:, 6:]
    shade = 0.2 * slope.reshape(count, 3, 2) @ _plane(size).view(-1, 2).T
    ground = (0.45 * paper[..., None] + shade).clamp_(0, 1).view(count, 3, size, size)
    return ground + ink * (0.5 + 0.5 * paint[..., None, None] - ground)


@cache
def _plane(size: int) -> Tensor:
    """Coordinates of pixel centers, x then y, `(size, size, 2)` in (-1, 1); y points down."""
    axis = (torch.arange(size) + 0.5) * 2 / size - 1
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    return torch.stack([x, y], -1)


def _corners() -> Tensor:
    axis = torch.linspace(-1, 1, _FIELD)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    return torch.stack([x, y], -1).view(-1, 2)


@cache
def _digit_fields() -> Tensor:
    """For each digit, the distance of each grid point to the nearest stroke, `(10, S, S)`."""
    fields = [_to_strokes(_corners(), strokes) for strokes in _digits()]
    return torch.stack(fields).view(10, _FIELD, _FIELD)


def _to_strokes(points: Tensor, strokes: list[Tensor]) -> Tensor:
    """Distance `(P,)` of points `(P, 2)` to polylines, each `(n, 2)`."""
    start = torch.cat([stroke[:-1] for stroke in strokes])
    along = torch.cat([stroke[1:] for stroke in strokes]) - start
    offset = points[:, None] - start
    share = ((offset * along).sum(-1) / (along * along).sum(-1)).clamp_(0, 1)
    gap = offset - share[..., None] * along
    return gap.square().sum(-1).sqrt().amin(1)


def _line(*points: tuple[float, float]) -> Tensor:
    return torch.tensor(points)


def _arc(x: float, y: float, width: float, height: float, start: float, stop: float) -> Tensor:
    """Part of an ellipse as a polyline; angles in degrees, clockwise from the right."""
    angle = torch.linspace(math.radians(start), math.radians(stop), 24)
    return torch.stack([x + width * torch.cos(angle), y + height * torch.sin(angle)], 1)


def _digits() -> list[list[Tensor]]:
    return [
        [_arc(0, 0, 0.42, 0.66, 0, 360)],
        [_line((-0.22, -0.42), (0.04, -0.66), (0.04, 0.66))],
        [_arc(0, -0.3, 0.38, 0.36, 190, 395), _line((0.31, -0.1), (-0.4, 0.64), (0.42, 0.64))],
        [_arc(-0.04, -0.33, 0.36, 0.33, 205, 450), _arc(-0.04, 0.33, 0.42, 0.33, -90, 155)],
        [_line((0.14, -0.66), (-0.42, 0.2), (0.44, 0.2)), _line((0.2, -0.2), (0.2, 0.68))],
        [
            _line((0.36, -0.64), (-0.28, -0.64), (-0.32, -0.08)),
            _arc(-0.04, 0.24, 0.42, 0.4, 225, 515),
        ],
        [_arc(0.44, 0.1, 0.84, 0.78, 180, 262), _arc(0, 0.3, 0.4, 0.36, 0, 360)],
        [_line((-0.42, -0.62), (0.42, -0.62), (-0.12, 0.68))],
        [_arc(0, -0.33, 0.32, 0.31, 0, 360), _arc(0, 0.33, 0.4, 0.34, 0, 360)],
        [_arc(0, -0.28, 0.38, 0.36, 0, 360), _arc(-0.46, -0.1, 0.84, 0.78, -2, 75)],
    ]


@cache
def _shape_fields() -> Tensor:
    """For each shape, the signed distance of each grid point, negative inside, `(10, S, S)`."""
    points = _corners()
    x, y = points.unbind(-1)
    radius = points.norm(dim=-1)
    box = _box(x, y, 0.5, 0.5)
    slanted = (x + y) / math.sqrt(2), (x - y) / math.sqrt(2)
    plus = torch.minimum(_box(x, y, 0.62, 0.17), _box(x, y, 0.17, 0.62))
    saltire = torch.minimum(_box(*slanted, 0.7, 0.15), _box(*slanted, 0.15, 0.7))
    edges = torch.stack([y - 0.45, (1.8 * x.abs() - y - 0.65) / math.hypot(1.8, 1)])
    bars = torch.minimum(_box(x, y + 0.32, 0.58, 0.16), _box(x, y - 0.32, 0.58, 0.16))
    moon = torch.maximum(radius - 0.6, 0.5 - (points - torch.tensor([0.3, -0.1])).norm(dim=-1))
    fields = [
        *(radius - 0.55, (radius - 0.48).abs() - 0.13, box, _frame(box), edges.amax(0)),
        *(_box(*slanted, 0.46, 0.46), plus, saltire, bars, moon),
    ]
    return torch.stack(fields).view(10, _FIELD, _FIELD)


def _box(x: Tensor, y: Tensor, width: float, height: float) -> Tensor:
    return torch.maximum(x.abs() - width, y.abs() - height)


def _frame(box: Tensor) -> Tensor:
    """The outline of a shape: what is near its edge."""
    return (box + 0.1).abs() - 0.11
