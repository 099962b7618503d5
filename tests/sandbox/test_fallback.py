"""A level that cannot be had gives way to the next, with a sentence; the kernel really refuses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from grading.sandbox import LEVELS, levels
from tests.sandbox.conftest import EXPECTED
from tests.sandbox.talk import HERE

CODE = """
import json
from pathlib import Path
from grading.errors import GraderError
from tests.sandbox.talk import start, value
folder = Path({folder!r})
with start() as server:
    with server.sandbox(folder) as box:
        worker = box.spawn()
        read = value(worker, "answer = open(" + repr(box.folder_inside + "/vae.py") + ").read()")
        uid = value(worker, "import os; answer = os.getuid()")
        level, reasons = box.isolation.level, box.isolation.reasons
    refused = ""
    try:
        server.sandbox(folder, levels=("L3",)).close()
    except GraderError as error:
        refused = str(error)
print(json.dumps([level, reasons, read, uid, refused]))
"""


def _stage(circumstance: str, code: str) -> str:
    done = subprocess.run(
        [sys.executable, str(HERE / "stage.py"), circumstance, code],
        capture_output=True, text=True, timeout=90,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


@pytest.fixture
def folder() -> Iterator[Path]:
    """A submission that every user can reach: pytest's own folders are closed to others."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        place.chmod(0o755)
        (place / "vae.py").write_text("WIDTH = 3\n")
        yield place


@pytest.mark.parametrize(
    ("circumstance", "expected", "words"),
    [
        ("without_user_namespaces", "L2", {"L3": "max_user_namespaces"}),
        ("in_docker", "L2", {"L3": "namespaces"}),
        ("without_landlock", "L1", {"L3": "Linux 5.13", "L2": "Linux 5.13"}),
        ("in_bare_docker", "L1", {"L3": "namespaces", "L2": "Linux 5.13"}),
    ],
)
def test_the_next_level_with_a_reason(
    folder: Path, circumstance: str, expected: str, words: dict[str, str]
) -> None:
    if EXPECTED != "L3":
        pytest.skip("LATENT_WEEK_ISOLATION says that this machine has not everything to take away")
    level, reasons, read, _, refused = json.loads(
        _stage(circumstance, CODE.format(folder=str(folder)))
    )
    assert level == expected
    assert read == "WIDTH = 3\n"
    assert set(reasons) == set(words)
    for stronger, word in words.items():
        assert word in reasons[stronger], reasons
        assert "\n" not in reasons[stronger]
    assert words["L3"] in refused
    assert "allow a weaker level" in refused


def test_an_ordinary_user_has_the_same(folder: Path) -> None:
    out = _stage("as_ordinary_user", CODE.format(folder=str(folder)))
    level, reasons, read, uid, _ = json.loads(out)
    assert level == EXPECTED, reasons
    assert read == "WIDTH = 3\n"
    assert uid == (60999 if os.geteuid() == 0 else os.getuid())


def test_an_ordinary_user_is_as_safe(tmp_path: Path) -> None:
    """The proofs and the attacks once more, from a judge who is not root."""
    if os.geteuid() != 0:
        return  # then they have just run so
    code = (
        "import os, sys, tempfile, pytest\n"
        "assert os.getuid() == 60999\n"
        "place = tempfile.mkdtemp()\n"
        f"files = [{str(HERE)!r} + '/' + name for name in ('test_proof.py', 'test_attacks.py')]\n"
        "sys.exit(pytest.main([*files, '-q', '-x', '-p', 'no:cacheprovider', '--basetemp',"
        f" place + '/t', '--rootdir', {str(HERE.parents[1])!r},"
        " '-k', 'L3 or (test_proof and L2)']))"
    )
    if EXPECTED == "L3":
        assert " passed" in _stage("as_ordinary_user", code)


def test_the_sentences_name_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    settings: dict[str, str] = {}
    monkeypatch.setattr(levels, "_setting", lambda name: settings.get(name, ""))
    monkeypatch.setattr(levels, "is_container", lambda: False)
    settings["kernel/apparmor_restrict_unprivileged_userns"] = "1"
    assert "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0" in levels.explain(
        "user map", 1
    )
    settings.clear()
    settings["kernel/unprivileged_userns_clone"] = "0"
    assert "kernel.unprivileged_userns_clone=1" in levels.explain("namespaces", 1)
    settings.clear()
    assert "user.max_user_namespaces" in levels.explain("namespaces", 28)
    monkeypatch.setattr(levels, "is_container", lambda: True)
    assert "container" in levels.explain("mount", 13)
    for step in ("landlock", "seccomp", "read", "capabilities"):
        assert levels.explain(step, 38).count("\n") == 0
    assert LEVELS == ("L3", "L2", "L1")
