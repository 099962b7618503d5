"""Data sets: in the cache, shipped with the course, or drawn in code; all as tensors of bytes."""

from lab.data.cache import cache_dir
from lab.data.fetching import fetch, forget
from lab.data.loading import NAMES, load, overview
from lab.data.store import Dataset, Split, batches, describe, hold_out

__all__ = [
    "NAMES",
    "Dataset",
    "Split",
    "batches",
    "cache_dir",
    "describe",
    "fetch",
    "forget",
    "hold_out",
    "load",
    "overview",
]
