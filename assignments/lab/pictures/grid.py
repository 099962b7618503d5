"""Images side by side with words around them: every picture of tiles is one sheet of bands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from lab.errors import LabError
from lab.pictures import text
from lab.pictures.libraries import require

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

_TILE = 84  # pixels that a small image is blown up to: 28 × 3
_GAP = 4
_MARGIN = 24
_NARROWEST = 560  # below that a title would take more lines than the tiles
_MOST_PIXELS = 60_000_000
_EDGE = "#c4c4c4"
_BROKEN = torch.tensor([213, 94, 0], dtype=torch.uint8)  # vermilion: no picture of ours has it


@dataclass(frozen=True)
class Band:
    """Rows of images that belong together.

    Args:
        rows: each `(n, C, H, W)` in [0, 1], with 1 or 3 channels.
        labels: beside the rows, one each; what follows a line break is written small.
        captions: above the columns.
        joints: columns with a wide gap before them, and the sign that stands in it.
        title: above everything.
    """

    rows: Sequence[Tensor]
    labels: Sequence[str] = ()
    captions: Sequence[str] = ()
    joints: Mapping[int, str] = field(default_factory=dict)
    title: str = ""


def sheet(
    bands: Sequence[Band], title: str = "", note: str = "", *, abreast: int = 1, tile: int = _TILE
) -> Image:
    """Draw bands below one another, on white.

    Args:
        title: what is seen.
        note: what to look for, small, at the foot.
        abreast: so many columns of bands, filled downward.
        tile: pixels that an image is blown up to, by a whole factor, hard edges.

    Raises:
        LabError: nothing to draw, too much to draw, or images that are neither gray nor RGB.
        MissingLibrary: Pillow is not installed.
    """
    pil = require("PIL.Image", "Pillow")
    _check(bands)
    plan = _Plan(bands, max(1, abreast), tile)
    if plan.width * plan.height > _MOST_PIXELS:
        raise LabError(
            f"A picture of {plan.width} × {plan.height} pixels is too large.", "Draw fewer images."
        )
    room = max(plan.width, _NARROWEST)
    head = text.wrap(title, plan.size(22), room, bold=True) if title else []
    if any(not bool(torch.isfinite(row).all()) for band in bands for row in band.rows):
        note = f"Orange pixels are not numbers: the model has diverged. {note}"
    foot = text.wrap(note, plan.size(14), room) if note else []
    head_height = len(head) * plan.size(29) + (plan.size(10) if head else 0)
    foot_height = len(foot) * plan.size(20) + (plan.size(10) if foot else 0)
    size = (room + 2 * _MARGIN, plan.height + head_height + foot_height + 2 * _MARGIN)
    image: Image = pil.new("RGB", size, "white")
    pen = require("PIL.ImageDraw", "Pillow").Draw(image)
    for i, line in enumerate(head):
        text.write(pen, (_MARGIN, _MARGIN + i * plan.size(29)), line, plan.size(22), bold=True)
    plan.draw(image, pen, _MARGIN, _MARGIN + head_height)
    below = size[1] - _MARGIN - len(foot) * plan.size(20) + plan.size(3)
    for i, line in enumerate(foot):
        at = (_MARGIN, below + i * plan.size(20))
        text.write(pen, at, line, plan.size(14), color=text.FAINT)
    return image


class _Plan:
    """Where everything stands, before anything is drawn."""

    def __init__(self, bands: Sequence[Band], abreast: int, tile: int) -> None:
        self.bands = bands
        height, width = bands[0].rows[0].shape[-2:]
        self.factor = max(1, round(tile / max(height, width)))
        self.tile = (width * self.factor, height * self.factor)
        self.per_column = -(-len(bands) // abreast)
        self.columns = -(-len(bands) // self.per_column)
        self.count = max(len(row) for band in bands for row in band.rows)
        # Words grow with the sheet: a projector shrinks a wide one.
        self.zoom = min(2.0, max(1.0, self.columns * self.count * (self.tile[0] + _GAP) / 1100))
        self.joint = self._joint()
        self.label = self._label()
        gaps = len({column for band in bands for column in band.joints})
        self.band_width = self.label + self.count * (self.tile[0] + _GAP) - _GAP
        self.band_width += gaps * self.joint
        self.between = self.size(36)
        self.width = self.columns * (self.band_width + self.between) - self.between
        stacks = [self._stack(column) for column in range(self.columns)]
        self.height = max(
            sum(self._height(band) for band in stack) + self._gap(stack) * (len(stack) - 1)
            for stack in stacks
        )

    def size(self, pixels: int) -> int:
        return round(pixels * self.zoom)

    def draw(self, image: Image, pen: ImageDraw, x: int, y: int) -> None:
        for column in range(self.columns):
            left = x + column * (self.band_width + self.between)
            top = y
            stack = self._stack(column)
            for band in stack:
                self._draw_band(image, pen, band, left, top)
                top += self._height(band) + self._gap(stack)

    def _draw_band(self, image: Image, pen: ImageDraw, band: Band, x: int, y: int) -> None:
        if band.title:
            title = text.fit(band.title, self.size(16), self.band_width)
            text.write(pen, (x, y), title, self.size(16), bold=False)
            y += self.size(26)
        if band.captions:
            for column, caption in enumerate(band.captions):
                self._draw_caption(pen, caption, x + self._left(band, column), y)
            y += self.size(20)
        for i, row in enumerate(band.rows):
            if i < len(band.labels):
                self._draw_label(pen, band.labels[i], x, y)
            for column, pixels in enumerate(row):
                left = x + self._left(band, column)
                if band.joints.get(column):
                    at = (left - (self.joint + _GAP) / 2, y + self.tile[1] / 2)
                    text.write(pen, at, band.joints[column], self.size(22), anchor="mm")
                _paste(image, pixels, left, y, self.factor)
                pen.rectangle(
                    (left - 1, y - 1, left + self.tile[0], y + self.tile[1]), outline=_EDGE
                )
            y += self.tile[1] + _GAP

    def _draw_caption(self, pen: ImageDraw, caption: str, x: int, y: int) -> None:
        size, room = self.size(14), self.tile[0] + _GAP - 2
        while size > 10 and text.width(caption, size) > room:
            size -= 1
        at = (x + self.tile[0] / 2, y + self.size(8))
        text.write(pen, at, text.fit(caption, size, room), size, anchor="mm", color=text.FAINT)

    def _draw_label(self, pen: ImageDraw, label: str, x: int, y: int) -> None:
        right = x + self.label - self.size(12)
        lines = label.split("\n")
        sizes = [self.size(15)] + [self.size(12)] * (len(lines) - 1)
        top = y + self.tile[1] / 2 - sum(size * 1.3 for size in sizes) / 2
        for i, (line, size) in enumerate(zip(lines, sizes, strict=True)):
            color = text.FAINT if i else text.INK
            at = (right, top + size * 0.65)
            text.write(pen, at, line, size, anchor="rm", color=color)
            top += size * 1.3

    def _left(self, band: Band, column: int) -> int:
        """From the band's edge to a column."""
        gaps = sum(1 for before in band.joints if before <= column)
        return self.label + column * (self.tile[0] + _GAP) + gaps * self.joint

    def _height(self, band: Band) -> int:
        words = (self.size(26) if band.title else 0) + (self.size(20) if band.captions else 0)
        return words + len(band.rows) * (self.tile[1] + _GAP) - _GAP

    def _gap(self, stack: Sequence[Band]) -> int:
        """Bands of one bare row each make a table; others stand apart."""
        bare = all(len(b.rows) == 1 and not b.title and not b.captions for b in stack[1:])
        return _GAP if bare else self.size(20)

    def _stack(self, column: int) -> Sequence[Band]:
        return self.bands[column * self.per_column : (column + 1) * self.per_column]

    def _label(self) -> int:
        """Room for the widest label beside a row."""
        widths = [
            text.width(line, self.size(12 if i else 15))
            for band in self.bands
            for label in band.labels
            for i, line in enumerate(label.split("\n"))
        ]
        return max(widths) + self.size(12) if widths else 0

    def _joint(self) -> int:
        signs = [sign for band in self.bands for sign in band.joints.values()]
        return max([self.size(14)] + [text.width(s, self.size(22)) + self.size(14) for s in signs])


def _paste(image: Image, pixels: Tensor, x: int, y: int, factor: int) -> None:
    """One tensor `(C, H, W)` in [0, 1], each pixel a square."""
    pil = require("PIL.Image", "Pillow")
    color = pixels.detach().float().cpu().expand(3, -1, -1).permute(1, 2, 0)  # (H, W, 3)
    whole = (color.nan_to_num(0).clamp(0, 1) * 255).round().to(torch.uint8)
    broken = ~torch.isfinite(color).all(-1, keepdim=True)
    tile = pil.fromarray(torch.where(broken, _BROKEN, whole).contiguous().numpy())
    width, height = tile.size
    image.paste(tile.resize((width * factor, height * factor), pil.Resampling.NEAREST), (x, y))


def _check(bands: Sequence[Band]) -> None:
    rows = [row for band in bands for row in band.rows]
    if not rows or any(len(row) == 0 for row in rows):
        raise LabError("There are no images to show.", "Choose a part of the data that has some.")
    for row in rows:
        if row.ndim != 4 or row.shape[1] not in (1, 3):
            raise LabError(
                f"Images of shape {tuple(row.shape[1:])} cannot be drawn.",
                "Use images with 1 channel (gray) or 3 (RGB).",
            )
