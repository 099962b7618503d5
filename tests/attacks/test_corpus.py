"""Every hostile submission gets what is honestly right in it, and does nothing else."""

from __future__ import annotations

import json
import os
import queue
import shutil
import tempfile
import threading
import unicodedata
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any

import attack_corpus
import pytest
from attack_corpus import Attack
from grading_adapter import Client
from intake_attacks import ATTACKS as INTAKE
from intake_attacks import GOOD, IntakeAttack
from targets import Targets

CORPUS = attack_corpus.corpus()
LEVELS = ("L3", "L2")
ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
AT_ONCE = 3  # most wait for a time limit most of the time
AHEAD = 6
Key = tuple[str, str]  # name and level

# As another user than root: one of each kind, and all that depend on whose process it is.
REPRESENTATIVE = (
    *("os_exit_at_import", "os_exit_in_call", "patch_comparisons", "read_hidden_by_path"),
    *("proc_reads", "reach_other_processes", "signal_others", "write_for_the_next_run", "tcp"),
    *("unix_sockets", "namespaces", "setuid", "fork_bomb", "thread_bomb", "memory_bomb"),
    *("environment_tokens", "frames_in_call", "raise_limits", "rewrite_submission"),
)

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the sandbox needs Linux")


class Crew:
    """A few graders at work on the submissions that the selected tests will ask for."""

    def __init__(self, targets: Targets, user: bool, size: int) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="submissions-"))
        self.folder.chmod(0o755)
        self._targets, self._user = targets, user
        self._todo: queue.Queue[tuple[Future[Any], Path, str, float] | None] = queue.Queue()
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(size)]

    def ask(self, path: Path, level: str, seconds: float = 3.0) -> Future[Any]:
        future: Future[Any] = Future()
        self._todo.put((future, path, level, seconds))
        return future

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def _work(self) -> None:
        client: Client | None = None
        while (job := self._todo.get()) is not None:
            future, path, level, seconds = job
            try:
                if client is None:
                    client = Client(attack_corpus.DAY, self._targets.environment(), self._user)
                future.set_result(client.grade(path, level, seconds))
            except BaseException as error:
                future.set_exception(error)
        if client is not None:
            client.close()

    def close(self) -> None:
        for _ in self._threads:
            self._todo.put(None)
        for thread in self._threads:
            thread.join(15)
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture(scope="module")
def targets() -> Iterator[Targets]:
    made = Targets()
    yield made
    made.close()


class Ahead:
    """The answers to the tests of this process, graded a little ahead so that no grader is idle.

    Only a little: other processes of one test run have tests of this file as well.
    """

    def __init__(self, crew: Crew, jobs: dict[Key, Callable[[], Future[Any]]]) -> None:
        self.crew = crew
        self._jobs = jobs
        self._order = list(jobs)
        self._asked: dict[Key, Future[Any]] = {}

    def answer(self, name: str, level: str) -> dict[str, Any]:
        place = self._order.index((name, level))
        for key in self._order[place : place + AHEAD + 1]:
            if key not in self._asked:
                self._asked[key] = self._jobs[key]()
        return self._asked[name, level].result(300)


def _prepared(
    request: pytest.FixtureRequest, targets: Targets, user: bool, function: str, size: int
) -> Iterator[Ahead]:
    crew = Crew(targets, user, size)
    jobs: dict[Key, Callable[[], Future[Any]]] = {}
    for item in request.session.items:
        given = getattr(item, "callspec", None)
        if given is not None and item.originalname == function:
            attack, level = given.params["attack"], given.params["level"]
            jobs[attack.id, level] = partial(_ask, crew, attack, level, targets)
    for attack in [] if user else _selected_intake(request):
        jobs[attack.name, "L3"] = partial(_ask_intake, crew, attack, targets)
    crew.start()
    yield Ahead(crew, jobs)
    crew.close()


def _ask(crew: Crew, attack: Attack, level: str, targets: Targets) -> Future[Any]:
    path = crew.folder / attack.id
    if not path.exists():
        attack.write_to(crew.folder, targets.names)
    return crew.ask(path, level, attack.seconds)


def _ask_intake(crew: Crew, attack: IntakeAttack, targets: Targets) -> Future[Any]:
    folder = crew.folder / f"intake-{attack.name}" / "hand_in"
    folder.mkdir(parents=True)
    secret = crew.folder / f"secret-{attack.name}"
    secret.write_text(targets.secret)
    attack.make(folder, secret)
    return crew.ask(folder, "L3")


def _selected_intake(request: pytest.FixtureRequest) -> list[IntakeAttack]:
    chosen = [
        item.callspec.params["attack"]
        for item in request.session.items
        if getattr(item, "originalname", "") == "test_intake"
    ]
    return [attack for attack in chosen if ROOT or not attack.root_only]


@pytest.fixture(scope="module")
def graded(request: pytest.FixtureRequest, targets: Targets) -> Iterator[Any]:
    yield from _prepared(request, targets, False, "test_attack", AT_ONCE)


@pytest.fixture(scope="module")
def graded_as_user(request: pytest.FixtureRequest, targets: Targets) -> Iterator[Any]:
    yield from _prepared(request, targets, True, "test_attack_on_an_ordinary_users_grader", 1)


def part_of(answer: dict[str, Any]) -> dict[str, Any]:
    """The part's report; that there is one means that the judge is alive and well."""
    assert not answer.get("error"), answer["error"]
    (part,) = answer["report"]["parts"]
    return part


def texts(thing: Any) -> Iterator[str]:
    """Every text in a report."""
    if isinstance(thing, str):
        yield thing
    elif isinstance(thing, dict):
        for key, value in thing.items():
            yield key
            yield from texts(value)
    elif isinstance(thing, list):
        for value in thing:
            yield from texts(value)


def check_harmless(answer: dict[str, Any], targets: Targets) -> None:
    """Nothing was read, written, reached or left behind, and the report is plain text."""
    text = json.dumps(answer["report"], ensure_ascii=False)
    assert "ESCAPED" not in text, next(t for t in texts(answer["report"]) if "ESCAPED" in t)
    for secret in (targets.secret, targets.token, "lw-hidden-", "lw-solution-"):
        assert secret not in text
    for line in texts(answer["report"]):
        odd = [c for c in line if unicodedata.category(c) in ("Cc", "Cf", "Cs") and c not in "\n\t"]
        assert not odd, (odd, line)
    assert answer["left"] == []
    assert answer["descriptors"] < 40
    assert targets.damage() == []


def check_attack(attack: Attack, level: str, answer: dict[str, Any], targets: Targets) -> None:
    part = part_of(answer)
    check_harmless(answer, targets)
    assert part["isolation"] == level
    assert part["status"] != "grader_failed", part["message"]
    if attack.part != "any":
        assert part["status"] == attack.part, part["message"]
    points = {task["task"]: task["points"] for task in part["tasks"]}
    if isinstance(attack.score, int):
        assert part["score"] == attack.score, points
    else:
        assert part["score"] <= attack.honest, points
    if part["status"] == "graded":
        (kl,) = (task for task in part["tasks"] if task["task"] == "kl_divergence")
        assert {test["status"] for test in kl["tests"]} <= set(attack.kl)
    text = json.dumps(answer["report"], ensure_ascii=False)
    for said in attack.says:
        assert any(one in text for one in said.split("|")), list(texts(part["tasks"]))
    assert answer["seconds"] < 5 * attack.seconds + 16


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("attack", CORPUS, ids=lambda attack: attack.id)
def test_attack(attack: Attack, level: str, graded: Any, targets: Targets) -> None:
    check_attack(attack, level, graded.answer(attack.id, level), targets)


@pytest.mark.skipif(not ROOT, reason="the tests above have run as an ordinary user")
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(
    "attack",
    [attack for attack in CORPUS if attack.id[4:] in REPRESENTATIVE],
    ids=lambda attack: attack.id,
)
def test_attack_on_an_ordinary_users_grader(
    attack: Attack, level: str, graded_as_user: Any, targets: Targets
) -> None:
    check_attack(attack, level, graded_as_user.answer(attack.id, level), targets)


@pytest.mark.parametrize("attack", INTAKE, ids=lambda attack: attack.name)
def test_intake(attack: IntakeAttack, graded: Any, targets: Targets) -> None:
    if attack.root_only and not ROOT:
        pytest.skip("only root can make one")
    answer = graded.answer(attack.name, "L3")
    if attack.status == "SubmissionError":
        assert "SubmissionError" in answer["error"] or "not clear which" in answer["error"]
        return
    part = part_of(answer)
    check_harmless(answer, targets)
    if attack.status != "any":
        assert part["status"] == attack.status, part["message"]
    assert part["score"] == attack.score
    if attack.status == "missing_file":
        assert "vae.py" in part["message"]


@pytest.mark.parametrize("level", LEVELS)
def test_the_right_answer_still_has_all_points(
    level: str, graded: Any, targets: Targets, tmp_path: Path
) -> None:
    """After all of the above, in the same graders: nothing that was left poisons the next one."""
    folder = graded.crew.folder / f"good-{level}"
    folder.mkdir()
    (folder / "vae.py").write_text(GOOD)
    for asked in [graded.crew.ask(folder, level) for _ in range(AT_ONCE)]:
        answer = asked.result(300)
        part = part_of(answer)
        assert part["score"] == part["max_score"] == 100, [
            test["message"] for task in part["tasks"] for test in task["tests"]
        ]
        check_harmless(answer, targets)


def test_the_corpus_is_large_and_says_what_it_is() -> None:
    assert len(CORPUS) + len(INTAKE) >= 150
    assert len({attack.id for attack in CORPUS}) == len(CORPUS)
    for attack in CORPUS:
        assert attack.family in ("forge", "value", "escape", "intake"), attack.id
        assert attack.where in ("import", "call", "callback", "intake"), attack.id
        assert not attack.breaks_naive or attack.safe_unsandboxed, attack.id
