"""The rule by which student code draws random numbers: one seed a call, the same in both modes."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

_fresh_states: dict[int, torch.Tensor] = {}


def next_seed() -> int:
    """The seed of the next call into student code; the judge's generator advances by one draw.

    Directly after `torch.manual_seed(s)` it is `s`, so that a test can reproduce a student's draw.
    Otherwise it is a hash of the draw, so that it does not tell the judge's later ones.
    """
    generator = torch.default_generator
    start = generator.initial_seed()
    fresh = torch.equal(generator.get_state(), _fresh_state(start))
    draw = int(torch.empty((), dtype=torch.int64, device="cpu").random_(generator=generator).item())
    if fresh:
        return int(start)
    digest = hashlib.sha256(draw.to_bytes(8, "little")).digest()
    return int.from_bytes(digest[:8], "little") >> 1


def _fresh_state(seed: int) -> torch.Tensor:
    state = _fresh_states.get(seed)
    if state is None:
        if len(_fresh_states) >= 64:
            _fresh_states.clear()
        state = torch.Generator().manual_seed(seed).get_state()
        _fresh_states[seed] = state
    return state


def plant(seed: int) -> None:
    """Seed torch's default generator, `random` and numpy."""
    # torch.manual_seed asks every device backend too, which takes 90 µs a call.
    torch.default_generator.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed % 2**32)


State = tuple[torch.Tensor, object, object]


def save() -> State:
    """The state of torch's default generator, of `random` and of numpy."""
    return (
        torch.default_generator.get_state(),
        random.getstate(),
        np.random.get_state(),
    )


def restore(state: State) -> None:
    """Undo everything drawn since `save`."""
    torch.default_generator.set_state(state[0])
    random.setstate(state[1])  # type: ignore[arg-type]
    np.random.set_state(state[2])  # type: ignore[arg-type]


@contextmanager
def seeded(seed: int | None) -> Iterator[None]:
    """Run a block from `seed` and leave all three generators as they were; None does nothing."""
    if seed is None:
        yield
        return
    before = save()
    try:
        plant(seed)
        yield
    finally:
        restore(before)
