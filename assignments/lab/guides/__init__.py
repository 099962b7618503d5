"""The guides of the week as notebooks: found, converted, written, run."""

from lab.guides.converting import convert
from lab.guides.finding import Guide, GuideError, find, read
from lab.guides.running import Ran, run
from lab.guides.writing import write

__all__ = ["Guide", "GuideError", "Ran", "convert", "find", "read", "run", "write"]
