"""Seeds: one secret number per run, from which every test's inputs follow."""

from __future__ import annotations

import hashlib
import random
import secrets

import torch

from grading.errors import UsageError

SEED_BITS = 128


def fresh_seed() -> str:
    """A new run seed: 32 hexadecimal digits, impossible to guess."""
    return secrets.token_hex(SEED_BITS // 8)


def read_seed(text: str) -> str:
    """A run seed as a person gives it: hexadecimal digits, at most 128 bits, in any case.

    Raises:
        UsageError: it is not hexadecimal or too long.
    """
    digits = text.strip().lower().removeprefix("0x")
    try:
        number = int(digits, 16)
    except ValueError:
        number = -1
    if number < 0 or "_" in digits or number >= 1 << SEED_BITS:
        raise UsageError(
            f"The seed {text[:40]!r} is not a number of at most 32 hexadecimal digits.",
            "Copy it from the report of the run that you want to repeat.",
        )
    return f"{number:032x}"


def test_seed(run_seed: str, test: str) -> int:
    """The seed of one test: 63 bits, told apart by the test's name, not by its place."""
    digest = hashlib.sha256(f"{run_seed}\0{test}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def seed_judge(number: int) -> None:
    """Seed the judge's generators for one test and burn a draw.

    The border sends a freshly seeded generator's own seed to the worker; the burnt draw sees to
    it that a test's seed never travels, so that no student code can foretell the judge's inputs.
    """
    # torch.manual_seed would ask every device backend too, and keep a stack trace for each.
    torch.default_generator.manual_seed(number)
    torch.rand(1)
    random.seed(number)


seed_judge.__test__ = False  # type: ignore[attr-defined]
test_seed.__test__ = False  # type: ignore[attr-defined]
