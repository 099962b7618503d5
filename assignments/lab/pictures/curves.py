"""How training went: the numbers of `metrics.csv` as curves, whatever state the file is in."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from lab.errors import LabError
from lab.pictures.chart import BLUE, ORANGE, RED, chart, empty
from lab.pictures.libraries import require
from lab.records import Record, series

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from PIL.Image import Image


class _Panel(NamedTuple):
    title: str
    metric: str
    phases: tuple[str, ...]
    unit: str


_PANELS = (
    _Panel("Loss", "loss", ("train", "valid"), "per image"),
    _Panel("Reconstruction", "recon", ("train", "valid"), "per image"),
    _Panel("KL divergence", "kl", ("train", "valid"), "nats"),
    _Panel("−ELBO, held out", "neg_elbo", ("valid",), "nats"),
    _Panel("β, the weight of the KL", "beta", ("train",), ""),
    _Panel("Active latent dimensions", "active_units", ("valid", "train"), ""),
)
_FROM_ZERO = ("kl", "beta", "active_units")
_COLORS = {"train": BLUE, "valid": ORANGE}
_NAMES = {"train": "training", "valid": "held out"}


def training_curves(records: Sequence[Record]) -> Image:
    """Loss, its parts, β and −ELBO over the epochs; `grids/training_curves.png`.

    Args:
        records: of `lab.records.read`; rows that a resumed run has written anew count once, and
            values that are not finite are named instead of drawn.

    Raises:
        LabError: there are no rows of training.
    """
    rows = [row for row in records if row.phase in _COLORS]
    if not rows:
        raise LabError("metrics.csv has no rows of training yet.", "Train first: `lab train`.")
    last = max(rows, key=lambda row: row.epoch)
    note = (
        "Falling reconstruction and a KL that settles above 0 are what to look for. A KL at 0 is "
        "posterior collapse; a held-out curve that rises while training falls is overfitting."
    )
    done = f"{round(last.epoch, 1):g}"
    title = f"Training: {done} epoch{'s' * (done != '1')}, {last.step:,} steps"
    with chart(13.0, 7.0, title, note) as drawn:
        for axes, panel in zip(drawn.figure.subplots(2, 3).flat, _PANELS, strict=True):
            _draw(axes, panel, rows)
    return drawn.image


def latest(records: Sequence[Record]) -> list[Record]:
    """Rows of one metric without those that a resumed run has overtaken: training that goes on
    from step 500 writes steps after 500 once more."""
    kept: list[Record] = []
    for row in records:
        while kept and kept[-1].step >= row.step:
            kept.pop()
        kept.append(row)
    return kept


def _draw(axes: Axes, panel: _Panel, rows: list[Record]) -> None:
    axes.set_title(panel.title, loc="left")
    drawn: list[float] = []
    broken: list[float] = []
    for phase in panel.phases:
        own = latest([r for r in rows if r.phase == phase and r.metric == panel.metric])
        broken += [r.epoch for r in own if not math.isfinite(r.value)]
        epochs, values = series(own, phase, panel.metric)
        if not epochs:
            continue
        held_out = phase == "valid"
        axes.plot(
            epochs,
            values,
            color=_COLORS[phase],
            linestyle="--" if held_out else "-",
            marker="o" if len(epochs) <= 30 else "",
            markersize=5,
            markerfacecolor="white" if held_out else _COLORS[phase],
            label=_NAMES[phase],
        )
        drawn += values
    if broken:
        _warn(axes, f"NaN from epoch {round(min(broken), 1):g}")
    if not drawn:
        empty(axes, "no numbers" if broken else "no values yet")
        return
    axes.set_xlabel("epoch")
    axes.set_xlim(0, 1.03 * max(row.epoch for row in rows) or 1)
    axes.set_ylabel(panel.unit)
    _limit(axes, drawn, panel.metric in _FROM_ZERO)
    if panel.metric == "active_units":
        ticker = require("matplotlib.ticker", "matplotlib")
        axes.yaxis.set_major_locator(ticker.MaxNLocator(integer=True))
    if len(axes.lines) > 1:
        axes.legend(loc="best")


def _limit(axes: Axes, values: list[float], from_zero: bool) -> None:
    """One exploding step must not flatten all others to a line."""
    ranked = sorted(values)
    low, high, usual = ranked[0], ranked[-1], ranked[int(0.9 * (len(ranked) - 1))]
    if usual > low and high - low > 100 * (usual - low):
        axes.set_ylim(low - 0.1 * (usual - low), usual + usual - low)
        _warn(axes, f"up to {high:.3g}, cut off")
    elif from_zero and low >= 0:
        axes.set_ylim(0, 1.08 * high or 1)
    elif high == low:
        axes.set_ylim(low - max(0.5, 0.05 * abs(low)), high + max(0.5, 0.05 * abs(high)))


def _warn(axes: Axes, words: str) -> None:
    """Above the panel, where no curve runs."""
    axes.set_title(words, loc="right", color=RED, fontsize=10)
