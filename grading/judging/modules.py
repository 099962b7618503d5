"""Student modules in the judge's process: a file under plain pytest, trusted text in replays."""

from __future__ import annotations

import importlib.util
import itertools
import sys
from pathlib import Path
from types import ModuleType

__tracebackhide__ = True  # pytest shows the test and the student's file instead

_numbers = itertools.count()


def load_file(path: Path) -> ModuleType:
    """Import a student's file afresh, with its neighbors importable as in the worker."""
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.append(folder)  # last: a neighbor named json.py must not shadow the real one
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Dataclasses and pickling look their module up by name.
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def load_text(name: str, text: str) -> ModuleType:
    """Run the text of a trusted student file as a module of its own.

    Args:
        name: shown in tracebacks, such as "solution" or "kl_divergence/no_half".
    """
    module = ModuleType(f"replay_{next(_numbers)}")
    module.__file__ = f"<{name}>"
    sys.modules[module.__name__] = module
    exec(compile(text, module.__file__, "exec"), module.__dict__)
    return module
