"""Which images strided convolutions can take: sides that can be halved without a rest."""

from __future__ import annotations

from lab.errors import ConfigError

_LEAST, _MOST = 2, 3


def halvings(image_shape: tuple[int, int, int]) -> tuple[int, tuple[int, int]]:
    """How often both sides are halved, and the grid that is left: 28x28 -> 2, (7, 7).

    Args:
        image_shape: `(C, H, W)`.

    Raises:
        ConfigError: a side cannot be halved twice.
    """
    _, height, width = image_shape
    steps = 0
    while steps < _MOST and height % 2 == 0 and width % 2 == 0:
        height, width, steps = height // 2, width // 2, steps + 1
    if steps < _LEAST:
        shape = "x".join(str(side) for side in (*image_shape[1:], image_shape[0]))
        raise ConfigError(
            f"Convolutions halve an image twice or more, and {shape} cannot be halved so often.",
            "Use images whose sides are multiples of 4, or model.name=mlp.",
        )
    return steps, (height, width)
