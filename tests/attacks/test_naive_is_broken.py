"""The attacks bite: a grader that imports submissions beside its tests falls for many of them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import attack_corpus
import pytest
from attack_corpus import Attack
from filelock import FileLock

NAIVE = attack_corpus.HERE / "naive/naive_grader.py"
SAFE = [attack for attack in attack_corpus.corpus() if attack.safe_unsandboxed]
AT_LEAST = 20

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="the naive grader forks"),
    pytest.mark.timeout(300),  # the first of them waits for all
]


def points() -> dict[str, int]:
    """Points by test function; the weights of this day's tests are all equal."""
    table = tomllib.loads((attack_corpus.DAY / "assignment.toml").read_text())
    found = {}
    for task in table["part"][0]["task"]:
        names = [name for tests in task["tests"].values() for name in tests]
        found.update({name: task["points"] // len(names) for name in names})
    return found


@pytest.fixture(scope="module")
def naive(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What the naive grader gives each attack, the right answer and a plainly wrong one."""
    common = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        common = common.parent  # one process grades for all
    answers = common / "naive.json"
    with FileLock(f"{answers}.lock"):
        if not answers.exists():
            answers.write_text(json.dumps(grade_naively(tmp_path_factory.mktemp("naive"))))
    return json.loads(answers.read_text())


def grade_naively(folder: Path) -> dict[str, dict[str, Any]]:
    nowhere = {"CANARY": str(folder / "none"), "DAY": str(folder / "none"), "JUDGE": "0"}
    right = folder / "right"
    right.mkdir()
    shutil.copy(attack_corpus.DAY / "instructor/vae/solution.py", right / "vae.py")
    wrong = folder / "wrong"
    wrong.mkdir()
    plain = next(attack for attack in SAFE if attack.id.endswith("own_skipped_class"))
    text = plain.path.read_text().partition("# The attack")[0]
    (wrong / "vae.py").write_text(text)
    work = [["right", str(right), False], ["wrong", str(wrong), False]]
    work += [[one.id, str(one.write_to(folder, nowhere)), one.fresh] for one in SAFE]
    for _, place, _ in work:
        tests = Path(place) / "tests"
        tests.mkdir()
        shutil.copy(attack_corpus.DAY / "tests/test_vae.py", tests)
        shutil.copy(attack_corpus.DAY / "instructor/vae/test_hidden.py", tests)
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, str(NAIVE)],
        input=json.dumps({"points": points(), "work": work}),
        capture_output=True,
        text=True,
        env=env,
        cwd=folder,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def best(result: dict[str, Any]) -> float:
    return max(score for kind, score in result.items() if kind != "code")


def broken(attack: Attack, naive: dict[str, dict[str, Any]]) -> bool:
    return best(naive[attack.id]) > attack.honest


def test_the_naive_grader_grades_honest_work(naive: dict[str, dict[str, Any]]) -> None:
    """It is no straw man: without an attack its numbers are right, by any of its three ways."""
    assert {k: v for k, v in naive["right"].items() if k != "code"} == {
        "exit code": 100,
        "json": 100,
        "junit": 100,
    }
    assert naive["wrong"] == {"code": 1, "exit code": 0, "json": 10, "junit": 10}


@pytest.mark.parametrize(
    "attack", [a for a in SAFE if a.breaks_naive], ids=lambda attack: attack.id
)
def test_breaks_the_naive_grader(attack: Attack, naive: dict[str, dict[str, Any]]) -> None:
    assert broken(attack, naive), naive[attack.id]


def test_it_is_broken_often(naive: dict[str, dict[str, Any]]) -> None:
    fallen = [attack.id for attack in SAFE if broken(attack, naive)]
    print(f"\n{len(fallen)} of {len(SAFE)} break the naive grader: {' '.join(fallen)}")
    assert len(fallen) >= AT_LEAST
