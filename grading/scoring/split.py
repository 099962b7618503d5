"""A task's points are whole numbers, and so is each test's share of them."""

from __future__ import annotations

from collections.abc import Sequence


def split_points(points: int, weights: Sequence[int]) -> list[int]:
    """Splits `points` by `weights` into integers whose sum is exactly `points`.

    Largest remainder: each share is rounded down, and what is left goes one by one to the largest
    remainders, the first of equals first.

    Args:
        points: not negative.
        weights: positive integers, at least one.

    >>> split_points(12, [1, 2, 2])
    [2, 5, 5]
    """
    total = sum(weights)
    shares = [points * weight // total for weight in weights]
    order = sorted(range(len(weights)), key=lambda i: -(points * weights[i] % total))
    for index in order[: points - sum(shares)]:
        shares[index] += 1
    return shares
