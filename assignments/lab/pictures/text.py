"""Words on a picture: a font that knows μ, σ and −, and lines that fit the space they have."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import ImageDraw, ImageFont

    Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

INK = "#1a1a1a"
FAINT = "#5f5f5f"


@functools.cache
def font(size: int, bold: bool = False) -> Font:
    """DejaVu Sans, which comes with matplotlib, `size` pixels high; Pillow's own font otherwise."""
    from PIL import ImageFont

    try:
        import matplotlib

        name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
        path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name
        return ImageFont.truetype(str(path), size)
    except (ImportError, OSError):
        return ImageFont.load_default(size)


def width(text: str, size: int, bold: bool = False) -> int:
    """How many pixels one line takes."""
    return round(font(size, bold).getlength(text))


def wrap(text: str, size: int, room: int, bold: bool = False) -> list[str]:
    """The text in lines of at most `room` pixels, broken between words."""
    lines: list[str] = []
    for word in text.split():
        joined = f"{lines[-1]} {word}" if lines else word
        if lines and width(joined, size, bold) <= room:
            lines[-1] = joined
        else:
            lines.append(fit(word, size, room, bold))
    return lines


def fit(text: str, size: int, room: int, bold: bool = False) -> str:
    """One line of at most `room` pixels; what does not fit ends in …"""
    text = " ".join(text.split())
    if width(text, size, bold) <= room:
        return text
    while text and width(f"{text}…", size, bold) > room:
        text = text[:-1]
    return f"{text.rstrip()}…"


def write(
    draw: ImageDraw.ImageDraw,
    at: tuple[float, float],
    text: str,
    size: int,
    *,
    anchor: str = "la",
    bold: bool = False,
    color: str = INK,
) -> None:
    """Write one line; `anchor` says which point of it is `at`, in Pillow's letters."""
    draw.text(at, text, fill=color, font=font(size, bold), anchor=anchor)


def decimal(value: float) -> str:
    """A number with at most two decimals and a true minus sign, as in print."""
    short = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if short in ("0", "-0") else short.replace("-", "−")


def subscript(number: int) -> str:
    """12 as ₁₂."""
    return "".join("₀₁₂₃₄₅₆₇₈₉"[int(digit)] for digit in str(number))
