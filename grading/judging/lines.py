"""Calls as a few lines of Python that a student can paste into a prompt."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from grading.judging.literals import literal


@dataclass(frozen=True)
class Step:
    """One call to make: `owner` is the number of the step that made the object, None = module."""

    name: str
    owner: int | None
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    seed: int


def write_lines(
    part: str,
    steps: list[Step],
    module: Any,
    *,
    random: bool = False,
    leaves: bool = False,
    backward: bool = False,
    changed: int | None = None,
) -> str:
    """The lines themselves; "" when an argument cannot be written down.

    Args:
        random: the call draws, and so the lines plant its seed.
        leaves: it goes wrong only where arguments require gradients.
        backward: it is the gradients that are wrong.
        changed: the argument that the call changes, wrongly.
    """
    lines = [f"from {part} import {steps[0].name}"]
    seeded = random or len(steps) > 1  # a model's weights are drawn when it is made
    for number, step in enumerate(steps):
        names = _argument_names(step, module, steps)
        written: list[str] = []
        for name, value in zip(names, (*step.args, *step.kwargs.values()), strict=True):
            text = literal(value, leaves=leaves)
            if text is None:
                return ""
            if isinstance(value, Tensor) or (changed == len(written) and step is steps[-1]):
                variable = name or f"x{len(written)}"
                lines.append(f"{variable} = {text}")
                text = variable
            elif text.startswith("SimpleNamespace"):
                lines.insert(0, "from types import SimpleNamespace")
            written.append(text)
        for place, key in enumerate(step.kwargs, start=len(step.args)):
            written[place] = f"{key}={written[place]}"
        if seeded and (number == 0 or random):
            lines.append(f"torch.manual_seed({step.seed})")
        target = "" if step.owner is None else f"model{'' if step.name == '__call__' else '.'}"
        name = "" if step.name == "__call__" else step.name
        call = f"{target}{name}({', '.join(written)})"
        lines.append(call if number == len(steps) - 1 else f"model = {call}")
    if any("torch." in line for line in lines):
        lines.insert(0, "import torch")
    if backward:
        lines[-1] = f"out = {lines[-1]}"
        lines.append("out.sum().backward()")
    elif changed is not None:
        lines.append(names[changed] or f"x{changed}")
    return "\n".join(lines)


def _argument_names(step: Step, module: Any, steps: list[Step]) -> list[str]:
    """What the module calls the arguments, "" where that cannot be told."""
    names: list[str] = []
    try:
        if step.owner is None:
            parameters = list(inspect.signature(getattr(module, step.name)).parameters)
        else:
            made = getattr(module, steps[step.owner].name)
            method = "forward" if step.name == "__call__" else step.name
            parameters = list(inspect.signature(getattr(made, method)).parameters)[1:]
        names = parameters[: len(step.args)]
    except Exception:
        names = []  # a student's module may be anything
    names += [""] * (len(step.args) - len(names))
    return [*names, *step.kwargs]
