"""What tests share: the marker of those that take minutes, left out unless `-m` asks for them."""

from __future__ import annotations

import pytest

SLOW = "full_guides"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", f"{SLOW}: runs a guide in full (minutes; `make guides`)")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if SLOW in config.option.markexpr:
        return
    left_out = [item for item in items if item.get_closest_marker(SLOW)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
