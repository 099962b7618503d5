"""Calls as a few lines of Python that a student can paste into a prompt."""

from __future__ import annotations

import inspect
from typing import Any

from torch import Tensor

from grading.judging.literals import literal
from grading.judging.standins import StandIn
from grading.judging.steps import Result, Step


def write_lines(
    part: str,
    steps: list[Step],
    module: Any,
    *,
    random: bool = False,
    leaves: bool = False,
    backward: bool = False,
    changed: int | None = None,
    part_of: str = "",
    asked: bool = False,
) -> str:
    """The lines themselves; "" when an argument cannot be written down.

    Args:
        random: the call draws, and so the lines plant its seed.
        leaves: it goes wrong only where arguments require gradients.
        backward: it is the gradients that are wrong.
        changed: the argument that the call changes, wrongly.
        part_of: of that argument, where it is a layer, the weight that is wrong.
        asked: it asks the model something wrong, which the model prints.
    """
    plain = [s for s in steps if s.owner is None and s.helper is None and not s.dotted]
    own = dict.fromkeys(step.name for step in plain)
    lines = [f"from {part} import {', '.join(own)}"]
    variables, looked_at = _variables(steps, module), ""
    seeded = random or len(steps) > 1  # a model's weights are drawn when it is made
    for number, step in enumerate(steps):
        last = number == len(steps) - 1
        names = _argument_names(step, module, steps)
        written: list[str] = []
        for name, value in zip(names, step.values, strict=True):
            text = _source(value, variables, leaves, asked)
            if text is None:
                return ""
            if last and changed == len(written) and _is_list_of_tensors(value):
                # Each has a name of its own: to replace what is in the list changes none of them.
                own_names = [f"{name or 'x'}_{i}" for i in range(len(value))]
                for own_name, item in zip(own_names, value, strict=True):
                    lines.append(f"{own_name} = {literal(item, leaves=leaves)}")
                text = f"[{', '.join(own_names)}]"
                looked_at = ", ".join(own_names)
            elif isinstance(value, Tensor | StandIn) or (
                last and changed == len(written) and not isinstance(value, Result)
            ):
                variable = name or f"x{len(written)}"
                lines.append(f"{variable} = {text}")
                text = variable
            elif text.startswith("SimpleNamespace"):
                lines.insert(0, "from types import SimpleNamespace")
            written.append(text)
        draws = step.helper is None or step.helper.draws
        if seeded and draws and (random or not last):
            lines.append(f"torch.manual_seed({step.seed})")
        call = _call(step, written, variables)
        if step.helper is not None and step.helper.before:
            lines.insert(1, step.helper.before)
        lines.append(call if last else f"{variables[number]} = {call}")
    if any("torch." in line for line in lines):
        lines.insert(0, "import torch")
    if backward:
        lines[-1] = f"out = {lines[-1]}"
        lines.append("out.sum().backward()")
    elif changed is not None:
        looked_at = looked_at or names[changed] or f"x{changed}"
        lines.append(looked_at + _attribute(part_of))
    return "\n".join(lines)


def _is_list_of_tensors(value: Any) -> bool:
    return type(value) is list and bool(value) and all(isinstance(v, Tensor) for v in value)


def _attribute(path: str) -> str:
    """How to read a weight off a layer: `.weight`; of a deeper one by its name."""
    if not path:
        return ""
    return f".{path}" if path.isidentifier() else f".state_dict()[{path!r}]"


def _source(value: Any, variables: list[str], leaves: bool, asked: bool) -> str | None:
    if isinstance(value, StandIn):
        return value.source(tells=asked)
    if isinstance(value, Result):
        return variables[value.number]
    return literal(value, leaves=leaves)


def _call(step: Step, written: list[str], variables: list[str]) -> str:
    """The call itself, its arguments being written already."""
    arguments = written[: len(step.args)]
    arguments += [f"{k}={v}" for k, v in zip(step.kwargs, written[len(step.args) :], strict=True)]
    if step.helper is not None:
        return step.helper.source(*arguments)
    if step.dotted:
        return f"{step.dotted}({', '.join(arguments)})"
    target = "" if step.owner is None else variables[step.owner]
    name = "" if step.name == "__call__" else f".{step.name}" if target else step.name
    return f"{target}{name}({', '.join(arguments)})"


def _variables(steps: list[Step], module: Any) -> list[str]:
    """A name for what each step makes: that of the argument it becomes, or "model"."""
    names = ["model"] * len(steps)
    for step in steps:
        for name, value in zip(_argument_names(step, module, steps), step.values, strict=True):
            if isinstance(value, Result):
                names[value.number] = name or f"made{value.number}"
    return names


def _argument_names(step: Step, module: Any, steps: list[Step]) -> list[str]:
    """What the module calls the arguments, "" where that cannot be told."""
    names: list[str] = []
    try:
        if step.helper is not None or step.dotted:
            parameters = []
        elif step.owner is None:
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
