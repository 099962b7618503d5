"""One fork server for all tests of the sandbox, and the level that is expected here."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from grading.sandbox import LEVELS, ForkServer, Level, Sandbox, WorkerProcess
from tests.sandbox.talk import start

# A machine that cannot have L3 must say so: nothing here is skipped without this variable.
EXPECTED = os.environ.get("LATENT_WEEK_ISOLATION", "L3")


@pytest.fixture(scope="session")
def server() -> Iterator[ForkServer]:
    with start() as running:
        yield running


@pytest.fixture(scope="session")
def submission(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("submission")
    (folder / "vae.py").write_text("WIDTH = 3\n")
    return folder


@pytest.fixture(scope="module", params=LEVELS)
def level(request: pytest.FixtureRequest) -> Level:
    if LEVELS.index(request.param) < LEVELS.index(EXPECTED):
        pytest.skip(f"LATENT_WEEK_ISOLATION={EXPECTED} expects no {request.param} here")
    wanted: Level = request.param
    return wanted


@pytest.fixture(scope="module")
def sandbox(server: ForkServer, submission: Path, level: Level) -> Iterator[Sandbox]:
    with server.sandbox(submission, levels=(level,)) as box:
        yield box


@pytest.fixture
def worker(sandbox: Sandbox) -> Iterator[WorkerProcess]:
    process = sandbox.spawn()
    yield process
    process.close()
