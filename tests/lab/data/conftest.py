"""One thread, and a recipe whose sources this machine's web server plays."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from lab.data import cache, fetching, idx
from lab.data.recipe import Source
from lab.data.sources import RECIPES
from tests.lab.data.world import GZ, Server, entries, recipe, tiny


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def web() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture
def server(web: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """`/good/` holds the files; a recipe named `mnist` asks `/bad/` first, then `/good/`."""
    for proxy in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(proxy, raising=False)
    web.asked.clear()
    web.answers = {f"/good/{name}": content for name, content in GZ.items()}
    sources = tuple(
        Source("web", f"{web.url}/{place}/", entries(GZ), idx.from_gzip, cache.digest(tiny()))
        for place in ("bad", "good")
    )
    monkeypatch.setitem(RECIPES, "mnist", recipe(*sources))
    monkeypatch.setattr(fetching, "_SILENCE", 0.3)
    return web
