"""What every measurement hands back: numbers, how sure they are, and what to know about them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor


@dataclass(frozen=True)
class Measured:
    """Numbers by their names in `metrics.csv`.

    Args:
        values: the numbers; NaN where one could not be had, and then a note says why.
        errors: standard error of those that are means over images.
        notes: whole sentences for the report.
    """

    values: dict[str, float]
    errors: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def unexplained(self) -> list[str]:
        """Metrics that are not finite and that no note begins with; those of latent dimensions
        are counted, since there may be hundreds."""
        explained = {note.split()[0] for note in self.notes}
        bad = [
            name
            for name, value in self.values.items()
            if not math.isfinite(value) and name not in explained
        ]
        dims = [name for name in bad if name.startswith("kl_dim_")]
        named = [name for name in bad if name not in dims]
        return named + ([f"kl_dim_* ({len(dims)} dimensions)"] if dims else [])

    def __or__(self, other: Measured) -> Measured:
        """Both together; `other` wins where a name is in both."""
        return Measured(
            self.values | other.values, self.errors | other.errors, self.notes + other.notes
        )


def means(per_image: Mapping[str, Tensor]) -> Measured:
    """Mean and standard error of each quantity over images, `(N,)` each.

    A note names every quantity that is not finite for some image, and for how many.
    """
    values, errors, notes = {}, {}, []
    for name, numbers in per_image.items():
        x = numbers.detach().double().cpu()
        values[name] = x.mean().item()
        errors[name] = x.std().item() / math.sqrt(len(x)) if len(x) > 1 else math.nan
        broken = int((~x.isfinite()).sum())
        if broken:
            notes.append(f"{name} is not finite for {broken:,} of {len(x):,} images.")
    return Measured(values, errors, tuple(notes))
