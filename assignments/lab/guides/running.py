"""Guides run from top to bottom, as a student would, with the student's file or another one."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import time
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.guides.converting import convert, last_line
from lab.guides.finding import Guide, GuideError, needs

if TYPE_CHECKING:
    from nbformat import NotebookNode

_SOCKET_PATH = 90  # characters; what a system allows, less the ending of the sockets' names
_QUICK = "cell-quick"  # the id of the cell that a quick run adds


@dataclass(frozen=True)
class Ran:
    """A guide that ran from top to bottom.

    Args:
        guide: which.
        notebook: its cells, with what they printed and drew.
        seconds: wall clock, the start of Python included.
    """

    guide: Guide
    notebook: NotebookNode = field(repr=False)
    seconds: float

    @property
    def printed(self) -> str:
        """Everything that the cells printed."""
        return "".join(
            output.text
            for output in self._outputs()
            if output.output_type == "stream" and output.name == "stdout"
        )

    @property
    def pictures(self) -> list[bytes]:
        """Every figure as PNG, in the order of drawing."""
        data = (output.get("data", {}).get("image/png") for output in self._outputs())
        return [b64decode(png) for png in data if png is not None]

    def _outputs(self) -> Iterator[Any]:
        for cell in self.notebook.cells:
            yield from cell.get("outputs", [])


def run(
    guide: Guide, module: Path | None = None, seconds: float = 600.0, *, quick: bool = False
) -> Ran:
    """Run a guide from top to bottom, in a Python of its own.

    Args:
        guide: which.
        module: the file to use as `student/PART.py`. The guide then runs in a copy of its folder;
            if None, in its own folder with the student's own file.
        seconds: how long all cells together may take.
        quick: train as little as the header's `quick` says.

    Raises:
        GuideError: a cell failed, or time was up; the sentence names the cell.
        MissingLibrary: the notebook libraries are not installed.
        KeyboardInterrupt: someone pressed Ctrl-C; the guide's Python has been stopped.
    """
    notebook = convert(guide)
    if quick:
        _parametrize(guide, notebook)
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="latent-week-guide-") as scratch:
        folder = guide.folder
        if module is not None:
            folder = _copy(guide, module, Path(scratch))
        _execute(guide, notebook, folder, Path(scratch), seconds)
    return Ran(guide, notebook, time.monotonic() - start)


def _parametrize(guide: Guide, notebook: NotebookNode) -> None:
    """Set the parameters anew, in a cell after the one that sets them."""
    import nbformat

    if not guide.quick:
        return
    tagged = [
        index
        for index, cell in enumerate(notebook.cells)
        if "parameters" in cell.metadata.get("tags", [])
    ]
    missing = [
        name
        for name in guide.quick
        if len(tagged) != 1
        or not re.search(rf"^{name} = ", notebook.cells[tagged[0]].source, re.MULTILINE)
    ]
    if missing:
        raise GuideError(
            f"The header of {guide.path} sets {missing[0]} for a quick run, "
            "but no cell tagged `parameters` does.",
            f'Set {missing[0]} in one cell that begins with ```python tags=["parameters"].',
        )
    source = "\n".join(f"{name} = {value!r}" for name, value in guide.quick.items())
    cell = nbformat.v4.new_code_cell(  # type: ignore[no-untyped-call]
        source, metadata={"tags": ["injected-parameters"]}
    )
    cell.id = _QUICK
    notebook.cells.insert(tagged[0] + 1, cell)


def _copy(guide: Guide, module: Path, scratch: Path) -> Path:
    """The guide's folder as a student has it, with another file in place of the student's."""
    if not module.is_file():
        raise GuideError(f"There is no file {module} to run the guide {guide.part} with.")
    folder = scratch / guide.folder.name
    unwanted = shutil.ignore_patterns("instructor", "__pycache__", "*.ipynb", "outputs")
    shutil.copytree(guide.folder, folder, ignore=unwanted)
    (folder / "student").mkdir(exist_ok=True)
    shutil.copyfile(module, folder / "student" / f"{guide.part}.py")
    return folder


def _execute(
    guide: Guide, notebook: NotebookNode, folder: Path, scratch: Path, seconds: float
) -> None:
    with needs("nbclient"):
        from jupyter_client.kernelspec import KernelSpecManager
        from jupyter_client.manager import AsyncKernelManager
        from nbclient import NotebookClient
        from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
    with needs("ipykernel"):
        import ipykernel  # noqa: F401
    # Without folders it offers this very Python only: a `python3` that someone installed for all
    # projects may be another one.
    manager = AsyncKernelManager(kernel_spec_manager=KernelSpecManager(kernel_dirs=[]))
    manager.connection_file = str(scratch / "kernel.json")
    if os.name == "posix" and len(manager.connection_file) < _SOCKET_PATH:
        manager.transport = "ipc"  # no port to lose to another program, and nobody can listen
    deadline, at = time.monotonic() + seconds, 0

    def begin(cell: NotebookNode, cell_index: int) -> None:
        nonlocal at
        at = cell_index

    client = NotebookClient(
        notebook,
        km=manager,
        resources={"metadata": {"path": str(folder)}},
        timeout_func=lambda cell: max(1, round(deadline - time.monotonic())),
        on_cell_start=begin,
    )
    try:
        client.execute(
            cleanup_kc=True,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
            stderr=subprocess.DEVNULL,  # the cells' own comes back with their outputs
        )
    except CellExecutionError as error:
        what = re.sub(r"\s+", " ", f"{error.ename}: {error.evalue}").strip(": ")
        raise _stopped(guide, notebook, at, what) from None
    except CellTimeoutError:
        what = f"the {seconds:g} seconds for this guide are over"
        raise _stopped(guide, notebook, at, what) from None
    except DeadKernelError:
        what = "its Python died, perhaps for want of memory"
        raise _stopped(guide, notebook, at, what) from None
    except AssertionError:
        if client.kc is None:  # nbclient stops the kernel at Ctrl-C, then stumbles over that
            raise KeyboardInterrupt from None
        raise
    except (RuntimeError, OSError) as error:
        raise GuideError(
            f"No Python could be started for the guide {guide.part}: {last_line(error)}.",
            "Run `make install-notebooks` again.",
        ) from None


def _stopped(guide: Guide, notebook: NotebookNode, at: int, what: str) -> GuideError:
    number = sum(
        cell.cell_type == "code" and cell.id != _QUICK for cell in notebook.cells[: at + 1]
    )
    first = notebook.cells[at].source.strip().split("\n", 1)[0]
    return GuideError(
        f"The guide {guide.part} stops in code cell {number} (`{first}`): {what.rstrip('.')}.",
        f"Open {guide.notebook}.ipynb and run it up to that cell.",
    )
