"""Pillow and matplotlib come with an extra; where one is missing, a sentence says how to get it."""

from __future__ import annotations

import importlib
from types import ModuleType

from lab.errors import MissingLibrary


def require(module: str, library: str) -> ModuleType:
    """Import a module of a library that may not be there.

    Raises:
        MissingLibrary: the library is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError:
        raise MissingLibrary(
            f"Pictures need {library}, which is not installed.",
            "Run `make install-lab`, or `pip install 'latent-week[lab]'`.",
        ) from None
