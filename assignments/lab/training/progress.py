"""What a person sees while a model trains: a live bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from lab.config import Config

_REFRESH = 0.25  # seconds between two looks; drawing costs as much as a training step


class Progress:
    """Used as a context; `None` as console shows nothing.

    Args:
        console: where to draw.
        config: of the run.
        steps: optimizer steps of the whole run.
        done: steps that were taken before.
    """

    def __init__(self, console: Console | None, config: Config, steps: int, done: int) -> None:
        self._console = console
        self._epochs, self._batch_size = config.optim.epochs, config.optim.batch_size
        self._steps, self._done = steps, done
        self._bar: Any = None
        self._task: Any = None
        self._start = self._last = time.perf_counter()
        self._mark = (self._start, done)  # time and step of a moment ago, for the speed
        self.speed = 0.0  # images a second, of the last moments
        utf = console is not None and (console.encoding or "").lower().startswith("utf")
        self.neg_elbo = "−ELBO" if utf else "-ELBO"

    def __enter__(self) -> Progress:
        if self._console is not None and self._console.is_terminal:
            from rich.progress import BarColumn, TextColumn
            from rich.progress import Progress as Bar

            self._bar = Bar(
                TextColumn("{task.description}"),
                BarColumn(bar_width=None),
                TextColumn("{task.fields[state]}"),
                console=self._console,
                refresh_per_second=1 / _REFRESH,
                transient=True,
                expand=True,
            )
            self._bar.start()
            self._task = self._bar.add_task(
                f"epoch 1/{self._epochs}", total=self._steps, completed=self._done, state=""
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def step(self, step: int, epoch: int, loss: float) -> None:
        """After each optimizer step; draws a few times a second.

        Args:
            step: optimizer steps taken.
            epoch: the running epoch, from 1.
            loss: recon + KL of this batch, a noisy −ELBO.
        """
        now = time.perf_counter()
        if now - self._last < _REFRESH:
            return
        self._last = now
        since, at = self._mark
        self.speed = (step - at) * self._batch_size / (now - since)
        if now - since > 10:
            self._mark = (now, step)
        if self._bar is not None:
            self._bar.update(
                self._task,
                completed=step,
                description=f"epoch {epoch}/{self._epochs}",
                state=f"{self.neg_elbo} {loss:.1f}  {self.speed:,.0f} images/s  {self.left(step)}",
            )

    def left(self, step: int) -> str:
        """Time until the last epoch ends, at the mean speed so far: `4:05 left`."""
        if step <= self._done:
            return ""
        pace = (time.perf_counter() - self._start) / (step - self._done)
        return f"{clock(pace * (self._steps - step))} left"

    def say(self, text: str, style: str = "") -> None:
        """A line that stays."""
        if self._console is not None:
            self._console.print(text, style=style or None, markup=False, highlight=False)


def clock(seconds: float) -> str:
    """`0:07`, `12:05`, `1:02:03`."""
    minutes, rest = divmod(round(max(seconds, 0.0)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
