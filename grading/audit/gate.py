"""What `grade audit` checks of a part, and what it found."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from grading.audit.crew import Crew
from grading.audit.hostile import hostile_sources
from grading.bank import Entry, read_bank
from grading.judging.run import ALL_LEVELS, Options, grade
from grading.judging.seeds import fresh_seed
from grading.skeleton import make_skeleton

if TYPE_CHECKING:
    from grading.judging.warm import WarmJudge
    from grading.sandbox import Level, Server
    from grading.scoring import Part, PartReport

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Finding:
    """Something that must not be: which check, which subject, one sentence."""

    check: str
    subject: str
    what: str


@dataclass
class Outcome:
    """Everything one audit counted and found; green when there are no findings."""

    part: str
    isolation: str = ""
    seeds: int = 0
    mistakes: int = 0
    caught: int = 0
    named: int = 0
    named_as_twin: int = 0
    alternatives: int = 0
    accepted: int = 0
    hostile: int = 0
    repelled: int = 0
    unnamed: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def add(self, finding: Finding | None) -> None:
        if finding is not None:
            self.findings.append(finding)

    def count_mistake(self, entry: Entry, finding: Finding | None, name: str) -> None:
        self.mistakes += 1
        self.add(finding)
        self.caught += finding is None
        self.named += name == "named"
        self.named_as_twin += name == "twin"
        if name == "unnamed":
            self.unnamed.append(f"{entry.task}/{entry.slug}")


class _Auditor:
    """Grades one subject after the other; each `try_*` gives what it found as plain data."""

    def __init__(
        self, part: Part, server: Server, judge: WarmJudge, levels: Sequence[Level]
    ) -> None:
        self.part = part
        self._server = server
        self._judge = judge
        self._levels = tuple(levels)
        self.solution = part.solution.read_text(encoding="utf-8")
        self.mistakes = _bank(part.misconceptions_file)
        self.alternatives = _bank(part.alternatives_file)
        self.hostile = hostile_sources(make_skeleton(self.solution))

    def grade(
        self, source: str, *, seed: str | None = None, task: str = "", explain: bool = True
    ) -> PartReport:
        """The report on one student file; `task` runs the tests of that task alone."""
        part = self.part
        if task:
            part = replace(part, tasks=tuple(item for item in part.tasks if item.name == task))
        options = Options(
            seed=seed or fresh_seed(),
            levels=self._levels,
            test_seconds=4.0,
            task=task,
            explain=explain,
            strict=True,
        )
        with _submission(part.name, source) as folder:
            report = self._judge.run(partial(grade, [part], folder, self._server, options))
        return report.parts[0]

    def try_solution(self, seed: str) -> Finding | None:
        """Full marks for the solution, whatever the inputs."""
        report = self.grade(self.solution, seed=seed)
        return None if _full(report) else Finding("solution", f"seed {seed}", _losses(report))

    def try_mistake(self, number: int) -> tuple[Finding | None, str]:
        """A known mistake loses points in its own task, and is named: by its name or a twin's."""
        entry = self.mistakes[number]
        subject = f"{entry.task}/{entry.slug}"
        if self.part.task(entry.task) is None:
            return Finding("mistake", subject, f"there is no task {entry.task}"), ""
        report = self.grade(entry.applied_to(self.solution), task=entry.task)
        (own,) = report.tasks
        if report.status == "grader_failed":
            return Finding("mistake", subject, f"breaks the grader: {report.message}"), ""
        if not own.lost:
            return Finding("mistake", subject, "loses no points"), ""
        names = {test.misconception.slug for test in own.tests if test.misconception}
        return None, "named" if entry.slug in names else "twin" if names else "unnamed"

    def try_alternative(self, number: int) -> Finding | None:
        """Another right solution has full marks in its own task and everywhere else."""
        entry = self.alternatives[number]
        report = self.grade(entry.applied_to(self.solution))
        if _full(report):
            return None
        return Finding("alternative", f"{entry.task}/{entry.slug}", _losses(report))

    def try_hostile(self, name: str) -> Finding | None:
        """A hostile submission gains nothing and does not break the grader."""
        report = self.grade(self.hostile[name], explain=False)  # nobody learns from it
        if report.score or report.bonus:
            points = report.score + report.bonus
            return Finding("hostile", name, f"gains {points} points that it did not earn")
        if report.status == "grader_failed":
            return Finding("hostile", name, f"breaks the grader: {report.message}")
        return None

    def try_skeleton(self) -> list[Finding]:
        """Nothing for the skeleton, and each task says that it is not implemented yet."""
        due = make_skeleton(self.solution)
        path = self.part.student_file
        findings = []
        if not path.is_file() or path.read_text(encoding="utf-8") != due:
            stale = "is not what the solution gives; run `grade skeleton --write`"
            findings.append(Finding("skeleton", path.name, stale))
        report = self.grade(due)
        if report.score or report.bonus:
            scored = f"scores {report.score} + {report.bonus}"
            findings.append(Finding("skeleton", path.name, scored))
        loud = "does not fail with 'not implemented yet' alone"
        findings += [
            Finding("skeleton", task.task, loud)
            for task in report.tasks
            if not task.not_implemented
        ]
        return findings

    def try_twice(self) -> Finding | None:
        """The same seed gives the same report, for a submission that loses points."""
        seed = fresh_seed()
        source = self.mistakes[0].applied_to(self.solution) if self.mistakes else self.solution
        first, second = (_timeless(self.grade(source, seed=seed)) for _ in range(2))
        if first == second:
            return None
        return Finding("repeat", f"seed {seed}", "two runs of one submission disagree")


def audit_part(
    part: Part,
    server: Server,
    judge: WarmJudge,
    *,
    seeds: int = 5,
    sample: int = 0,
    levels: Sequence[Level] = ALL_LEVELS,
    jobs: int = 1,
    say: Progress | None = None,
) -> Outcome:
    """Audit a part that has its instructor's folder.

    Args:
        seeds: how often the solution is graded, each time with inputs of a new seed.
        sample: try so many mistakes, alternatives and hostile submissions, spread evenly; 0 tries
            all.
        levels: isolation levels that will do.
        jobs: processes that judge side by side.
        say: told what is being tried.
    """
    auditor = _Auditor(part, server, judge, levels)
    outcome = Outcome(part.name)
    say = say or (lambda text: None)
    with Crew(auditor, jobs) as crew:
        say("skeleton")
        outcome.findings += auditor.try_skeleton()
        outcome.isolation = auditor.grade(auditor.solution).isolation
        outcome.add(auditor.try_twice())
        for done, finding in enumerate(
            crew.each("try_solution", [fresh_seed() for _ in range(seeds)]), start=1
        ):
            say(f"seed {done} of {seeds}")
            outcome.seeds += 1
            outcome.add(finding)
        numbers = _spread(len(auditor.mistakes), sample)
        for number, (finding, name) in zip(numbers, crew.each("try_mistake", numbers), strict=True):
            entry = auditor.mistakes[number]
            say(f"mistake {outcome.mistakes + 1} of {len(numbers)}: {entry.task}/{entry.slug}")
            outcome.count_mistake(entry, finding, name)
        numbers = _spread(len(auditor.alternatives), sample)
        for number, finding in enumerate(crew.each("try_alternative", numbers), start=1):
            say(f"alternative {number} of {len(numbers)}")
            outcome.alternatives += 1
            outcome.accepted += finding is None
            outcome.add(finding)
        names = list(auditor.hostile)
        names = [names[number] for number in _spread(len(names), sample)]
        for finding in crew.each("try_hostile", names):
            say("hostile")
            outcome.hostile += 1
            outcome.repelled += finding is None
            outcome.add(finding)
    return outcome


def _spread(count: int, sample: int) -> Sequence[int]:
    """`sample` of the numbers below `count`, evenly spread; all of them for 0."""
    if not 0 < sample < count:
        return range(count)
    return [number * count // sample for number in range(sample)]


@contextmanager
def _submission(part: str, source: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="audit-") as folder:
        Path(folder, f"{part}.py").write_text(source, encoding="utf-8")
        yield Path(folder)


def _bank(path: Path) -> list[Entry]:
    return read_bank(path) if path.is_file() else []


def _full(report: PartReport) -> bool:
    return (
        report.status == "graded"
        and report.score == report.max_score == 100
        and report.bonus == report.max_bonus
    )


def _losses(report: PartReport) -> str:
    if report.status != "graded":
        return f"{report.status}: {report.message}"
    lost = [test for task in report.tasks for test in task.tests if test.status != "passed"]
    return "; ".join(f"{test.name}: {test.message}" for test in lost[:3])


def _timeless(report: PartReport) -> str:
    tasks = [
        task.model_copy(
            update={"tests": [test.model_copy(update={"duration_s": 0.0}) for test in task.tests]}
        )
        for task in report.tasks
    ]
    return report.model_copy(update={"tasks": tasks}).model_dump_json()
