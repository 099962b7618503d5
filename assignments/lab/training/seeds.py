"""Where a run's random numbers come from, so that a run can be repeated and gone on with."""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor


def derive(seed: int, *purpose: str | int) -> int:
    """A seed of its own for each purpose, `derive(0, "order", epoch)`; in [0, 2^63)."""
    text = "/".join(str(part) for part in (seed, *purpose))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def order(seed: int, epoch: int, count: int) -> Tensor:
    """The images' order in one epoch, long `(count,)`; it depends on nothing that came before."""
    generator = torch.Generator().manual_seed(derive(seed, "order", epoch))
    return torch.randperm(count, generator=generator)


def seed_all(seed: int) -> None:
    """Seed torch on every device, numpy and `random`."""
    torch.manual_seed(seed)
    np.random.seed(seed % 2**32)
    random.seed(seed)


def snapshot() -> dict[str, Any]:
    """The state of every global generator, in types that `torch.load(weights_only=True)` reads.

    A student's model may draw from numpy or `random`; those are part of a run too.
    """
    numpy_state: Any = np.random.get_state(legacy=False)
    keys = torch.from_numpy(numpy_state["state"]["key"].astype(np.int64))
    state: dict[str, Any] = {
        "torch": torch.get_rng_state(),
        "numpy": numpy_state | {"state": numpy_state["state"] | {"key": keys}},
        "python": random.getstate(),
    }
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state_all()
    if torch.backends.mps.is_available():
        state["mps"] = torch.mps.get_rng_state()
    return state


def restore(state: dict[str, Any]) -> None:
    """Put every generator back to where `snapshot` found it.

    Raises:
        Exception: whatever the generators raise for a state that is none.
    """
    torch.set_rng_state(state["torch"])
    inner = state["numpy"]["state"]
    keys = inner["key"].numpy().astype(np.uint32)
    np.random.set_state(state["numpy"] | {"state": inner | {"key": keys}})
    random.setstate(state["python"])
    if torch.cuda.is_available() and len(state.get("cuda", ())) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(state["cuda"])
    if torch.backends.mps.is_available() and "mps" in state:
        torch.mps.set_rng_state(state["mps"])


@contextlib.contextmanager
def borrowed(seed: int) -> Iterator[None]:
    """Draw from `seed` inside; outside, the generators never notice."""
    before = snapshot()
    seed_all(seed)
    try:
        yield
    finally:
        restore(before)


@contextlib.contextmanager
def repeatable(seed: int, *, deterministic: bool) -> Iterator[None]:
    """Seed everything for one run; the caller's generators and flags come back afterwards.

    Args:
        seed: any integer.
        deterministic: ask torch for algorithms that give the same bits each time.
    """
    flags = (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
        torch.utils.deterministic.fill_uninitialized_memory,  # type: ignore[attr-defined]
        torch.backends.cudnn.benchmark,
    )
    flushing = _flushes_denormals()
    with borrowed(derive(seed, "run")):
        try:
            # Adam's first moment of a weight that gets no gradient decays into denormals,
            # which cost some processors a hundred times a normal number.
            torch.set_flush_denormal(True)
            if deterministic:
                os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
                torch.use_deterministic_algorithms(True, warn_only=True)
                torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
                torch.backends.cudnn.benchmark = False
            yield
        finally:
            torch.use_deterministic_algorithms(flags[0], warn_only=flags[1])
            torch.utils.deterministic.fill_uninitialized_memory = flags[2]  # type: ignore[attr-defined]
            torch.backends.cudnn.benchmark = flags[3]
            torch.set_flush_denormal(flushing)


def _flushes_denormals() -> bool:
    return float(torch.tensor([1e-30]) * 1e-9) == 0.0
