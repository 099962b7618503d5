"""Loads and calls a student's file; whatever goes wrong there becomes one sentence."""

from __future__ import annotations

import importlib.util
import inspect
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn

from lab.errors import LabError

_LONGEST = 200  # characters of somebody else's error message


@dataclass(frozen=True)
class Part:
    """Where a part's file lies in the repository, and what it must define.

    Args:
        day: the folder below `assignments`.
        file: the file below `student`.
        name: the class that the lab uses.
        guide: what to read where something is missing.
    """

    day: str
    file: str
    name: str
    guide: str

    @property
    def path(self) -> Path:
        return Path("assignments") / self.day / "student" / self.file


class StudentFile:
    """One student's file, imported.

    Args:
        part: what the file belongs to.
        path: the file; None: looked for from the current folder upward.

    Raises:
        LabError: there is no such file, it does not import, or it lacks the class.
    """

    def __init__(self, part: Part, path: Path | None) -> None:
        self.part = part
        self.path = _find(part, path)
        module_name = f"_student_{self.path.stem}"
        spec = importlib.util.spec_from_file_location(module_name, self.path)
        if spec is None or spec.loader is None:
            raise LabError(f"{self.shown} is not a Python file.", "Give a file that ends in .py.")
        module = importlib.util.module_from_spec(spec)
        sys.modules[module_name] = module  # dataclasses look their module up there
        with self.guard(""):
            spec.loader.exec_module(module)
        found = getattr(module, part.name, None)
        if not (isinstance(found, type) and issubclass(found, nn.Module)):
            raise LabError(
                f"{self.shown} has no class {part.name} that is an nn.Module.",
                f"Write it as in {part.guide}.",
            )
        self._class = found

    @property
    def shown(self) -> str:
        """The path as a person would type it."""
        try:
            return str(self.path.relative_to(Path.cwd()))
        except ValueError:
            return str(self.path)

    def build(self, *sizes: int) -> nn.Module:
        """An object of the student's class; `sizes` are its arguments.

        Raises:
            LabError: the constructor raised, or there is nothing to train.
        """
        with self.guard(f"{self.part.name}.__init__"):
            net: nn.Module = self._class(*sizes)
            sizes_found = [parameter.numel() for parameter in net.parameters()]
        if not sum(sizes_found):
            raise self.wrong("__init__", "made a model without parameters")
        return net

    def call(self, net: nn.Module, method: str, *args: Tensor) -> Any:
        """`net.method(*args)`.

        Raises:
            LabError: there is no such method, or it raised.
        """
        if not callable(getattr(net, method, None)):
            raise LabError(
                f"{self.shown}: {self.part.name} has no method {method}.",
                f"Write it as in {self.part.guide}.",
            )
        with self.guard(f"{self.part.name}.{method}"):
            return net(*args) if method == "forward" else getattr(net, method)(*args)

    def checked(
        self, net: nn.Module, method: str, values: Any, want: Mapping[str, tuple[int, ...]]
    ) -> list[Tensor]:
        """What a method returned, as tensors of the shapes wanted, in the order of `want`.

        Args:
            net: whose parameters tell a mistake from training that diverged.
            method: for the error.
            values: a tensor, a tuple, a NamedTuple or a dict.
            want: the shape of each value under its name.

        Raises:
            LabError: another number of values, another type or shape, or NaN and infinity from a
                model whose parameters are finite.
        """
        tensors = []
        for name, value in zip(want, self._in_order(method, values, list(want)), strict=True):
            if not isinstance(value, Tensor) or not value.is_floating_point():
                kind = value.dtype if isinstance(value, Tensor) else type(value).__name__
                raise self.wrong(method, f"returned {name} as {kind}, not as a float tensor")
            if tuple(value.shape) != want[name]:
                given = tuple(value.shape)
                raise self.wrong(method, f"returned {name} of shape {given}, not {want[name]}")
            # Where training diverged the parameters are to blame, and training says so itself.
            if not bool(torch.isfinite(value).all()) and _finite(net):
                raise self.wrong(method, f"returned NaN or infinity in {name}")
            tensors.append(value)
        return tensors

    def wrong(self, method: str, what: str) -> LabError:
        """The error for a method that returned something of no use."""
        function: Any = getattr(self._class, method, None)  # None: a layer of that name
        code = getattr(inspect.unwrap(function), "__code__", None)
        mine = code is not None and Path(code.co_filename) == self.path
        line = f", line {code.co_firstlineno}" if mine and code is not None else ""
        return LabError(
            f"{self.shown}{line}: {self.part.name}.{method} {what}.",
            f"Correct it; the guide is {self.part.guide}.",
        )

    @contextmanager
    def guard(self, doing: str) -> Iterator[None]:
        """Turns whatever the student's code raises, `sys.exit()` too, into a LabError; `doing`
        is named where no function of the file is to blame."""
        try:
            yield
        except LabError:
            raise
        except (Exception, SystemExit) as error:
            raise self._explained(error, doing) from None

    def _explained(self, error: BaseException, doing: str) -> LabError:
        line, function = self._place(error.__traceback__)
        if isinstance(error, SyntaxError) and error.filename == str(self.path):
            line = error.lineno
        where = f"{self.shown}, line {line}" if line else self.shown
        function = function or doing
        at = f"{where}, {function}" if function else where
        if isinstance(error, NotImplementedError):
            return LabError(
                f"{at}: not implemented yet.",
                f"Write it first; the guide is {self.part.guide}.",
            )
        text = error.msg if isinstance(error, SyntaxError) else str(error)
        text = " ".join(text.split()).partition(". ")[0].rstrip(".")
        text = text if len(text) <= _LONGEST else text[:_LONGEST] + "…"
        name = type(error).__name__
        return LabError(
            f"{at}: {name}{': ' + text if text else ''}.",
            f"Correct it; the guide is {self.part.guide}.",
        )

    def _place(self, trace: TracebackType | None) -> tuple[int | None, str]:
        """Line and function of the innermost frame in the student's file."""
        line, function = None, ""
        for frame, number in traceback.walk_tb(trace):
            if frame.f_code.co_filename == str(self.path):
                line, function = number, frame.f_code.co_qualname
        return line, "" if function == "<module>" else function

    def _in_order(self, method: str, values: Any, names: list[str]) -> list[Any]:
        if isinstance(values, dict) and all(name in values for name in names):
            return [values[name] for name in names]
        if all(hasattr(values, name) for name in names):
            return [getattr(values, name) for name in names]
        if len(names) == 1:
            return [values]
        if isinstance(values, tuple | list) and len(values) == len(names):
            return list(values)
        given = len(values) if isinstance(values, tuple | list) else type(values).__name__
        raise self.wrong(method, f"returned {given}, not {len(names)} values: {', '.join(names)}")


def _find(part: Part, path: Path | None) -> Path:
    if path is not None:
        if not path.is_file():
            raise LabError(f"There is no file {path}.", "Correct model.student_file.")
        return path.resolve()
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / part.path).is_file():
            return (folder / part.path).resolve()
    raise LabError(
        f"There is no {part.path} in {here} or above it.",
        f"Go to your repository, or set model.student_file to your {part.file}.",
    )


def _finite(net: nn.Module) -> bool:
    return all(bool(torch.isfinite(parameter).all()) for parameter in net.parameters())
