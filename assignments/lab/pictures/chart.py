"""Charts that look the same everywhere, whatever style a notebook or a matplotlibrc has set."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lab.pictures import text
from lab.pictures.libraries import require

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from PIL.Image import Image

# Okabe & Ito (2008): told apart by every kind of color vision.
BLUE, ORANGE, RED, GRAY = "#0072B2", "#E69F00", "#D55E00", "#8a8a8a"
# Paul Tol's "muted" scheme and black: ten classes, safe for the color-blind.
CLASSES = (
    "#332288",
    "#DDCC77",
    "#117733",
    "#CC6677",
    "#88CCEE",
    "#882255",
    "#999933",
    "#44AA99",
    "#AA4499",
    "#1a1a1a",
)
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "*")
_DPI = 150
_EDGE = 0.2  # inches of white around everything
_HEAD, _FOOT = 15, 10  # points

_STYLE = {
    "font.size": 11,
    "axes.titlesize": 12,
    "axes.labelsize": 11,
    "axes.edgecolor": text.FAINT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e3e3e3",
    "grid.linewidth": 0.8,
    "xtick.color": text.FAINT,
    "ytick.color": text.FAINT,
    "text.color": text.INK,
    "axes.labelcolor": text.INK,
    "lines.linewidth": 1.8,
    "legend.frameon": False,
    "agg.path.chunksize": 10_000,
    "text.parse_math": False,
}


class Chart:
    """A figure being drawn; `image` is there once its block is left.

    Args:
        figure: of matplotlib, without any global state.
    """

    image: Image

    def __init__(self, figure: Figure) -> None:
        self.figure = figure


@contextmanager
def chart(width: float, height: float, title: str, note: str = "") -> Iterator[Chart]:
    """A white figure with a title above and a note below, rendered when the block ends.

    Args:
        width: inches, 150 pixels each.
        height: inches.

    Raises:
        MissingLibrary: matplotlib or Pillow is not installed.
    """
    matplotlib = require("matplotlib", "matplotlib")
    figures = require("matplotlib.figure", "matplotlib")
    agg = require("matplotlib.backends.backend_agg", "matplotlib")
    pil = require("PIL.Image", "Pillow")
    import numpy

    # Points are 72 to the inch; text.wrap counts pixels.
    room = round((width - 2 * _EDGE) * _DPI)
    head = text.wrap(title, round(_HEAD * _DPI / 72), room, bold=True)
    foot = text.wrap(note, round(_FOOT * _DPI / 72), room)
    above = _EDGE + len(head) * 1.35 * _HEAD / 72
    below = _EDGE / 2 + len(foot) * 1.45 * _FOOT / 72
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)
        figure = figures.Figure((width, height), dpi=_DPI, facecolor="white", layout="constrained")
        side = _EDGE / 2 / width
        inside = (side, below / height, 1 - 2 * side, 1 - (above + below) / height)
        figure.get_layout_engine().set(rect=inside)
        left = {"x": _EDGE / width, "ha": "left"}
        figure.text(
            y=1 - _EDGE / height, s="\n".join(head), va="top", size=_HEAD, weight="bold", **left
        )
        figure.text(y=0.6 * _EDGE / height, s="\n".join(foot), size=_FOOT, color=text.FAINT, **left)
        canvas = agg.FigureCanvasAgg(figure)
        drawn = Chart(figure)
        yield drawn
        canvas.draw()
        drawn.image = pil.fromarray(numpy.asarray(canvas.buffer_rgba())).convert("RGB")


def empty(axes: Axes, words: str, color: str = text.FAINT) -> None:
    """A panel that has nothing to show says so."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.text(0.5, 0.5, words, ha="center", va="center", transform=axes.transAxes, color=color)
