"""The report: the one format that every screen, file and gradebook is made from."""

from __future__ import annotations

import json
import math
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from grading.scoring.text import clean

SCHEMA: Final = "latent-week/report/1"
SCHEMA_ID = "urn:latent-week:report:1"

Level = Literal["L3", "L2", "L1", "L0", "none"]
TestStatus = Literal["passed", "failed", "timeout", "crashed", "missing"]
PartStatus = Literal["graded", "not_started", "cannot_import", "missing_file", "grader_failed"]


def _line(cap: int) -> BeforeValidator:
    return BeforeValidator(lambda text: clean(text, cap) if isinstance(text, str) else text)


def _block(cap: int) -> BeforeValidator:
    return BeforeValidator(
        lambda text: clean(text, cap, multiline=True) if isinstance(text, str) else text
    )


def _finite(value: object) -> object:
    # A clock that went backwards is no reason to lose a report.
    if isinstance(value, float) and not (math.isfinite(value) and value >= 0):
        return 0.0
    return value


Short = Annotated[str, _line(200), Field(max_length=200)]
Line = Annotated[str, _line(500), Field(max_length=500)]
Block = Annotated[str, _block(4000), Field(max_length=4000)]
Points = Annotated[int, Field(ge=0, le=100_000)]
Seconds = Annotated[float, BeforeValidator(_finite), Field(ge=0, allow_inf_nan=False)]


class _Closed(BaseModel):
    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        validate_by_name=True,
        serialize_by_alias=True,
        # A reader may rely on every key.
        json_schema_serialization_defaults_required=True,
    )


class Misconception(_Closed):
    """A known mistake that reproduces what the student's code computed."""

    slug: Short
    says: Line
    guide: Short = ""


class TestReport(_Closed):
    """One test function; all its cases count as one."""

    __test__ = False

    id: Short
    visibility: Literal["public", "hidden"]
    status: TestStatus
    points: Points
    max_points: Points
    message: Block = ""
    duration_s: Seconds = 0.0
    symptom: Line = ""
    got: Block = ""
    expected: Block = ""
    call: Block = ""
    misconception: Misconception | None = None
    not_implemented: bool = False

    @property
    def name(self) -> str:
        """The function's name, without its file."""
        return self.id.rpartition("::")[2]

    @property
    def lost(self) -> int:
        """The points that were not given."""
        return self.max_points - self.points

    @model_validator(mode="after")
    def _honest(self) -> Self:
        if self.points != (self.max_points if self.status == "passed" else 0):
            raise ValueError("a passed test has all its points and any other has none")
        return self


class TaskReport(_Closed):
    """One task; `guide` is "vae.md#section", `function` names the student's functions."""

    task: Short
    title: Short
    function: Line = ""
    guide: Short = ""
    bonus: bool = False
    points: Points
    max_points: Points
    hint: Line = ""
    tests: list[TestReport]

    @property
    def lost(self) -> int:
        """The points that were not given."""
        return self.max_points - self.points

    @property
    def passed(self) -> int:
        """How many tests passed."""
        return sum(test.status == "passed" for test in self.tests)

    @property
    def not_implemented(self) -> bool:
        """Whether every lost point was lost to "not implemented yet"."""
        lost = [test for test in self.tests if test.status != "passed"]
        return bool(lost) and all(test.not_implemented for test in lost)

    @model_validator(mode="after")
    def _sums(self) -> Self:
        if (self.points, self.max_points) != _sum(self.tests):
            raise ValueError("the points of a task are the sum of its tests'")
        return self


class PartReport(_Closed):
    """One part of an assignment, graded or not; bonus points are apart."""

    part: Short
    title: Short = ""
    day: Short = ""
    score: Points
    max_score: Points
    bonus: Points
    max_bonus: Points
    status: PartStatus
    message: Block = ""
    public_only: bool = False
    isolation: Level
    tasks: list[TaskReport]

    @property
    def regular(self) -> list[TaskReport]:
        """The tasks that make up the score."""
        return [task for task in self.tasks if not task.bonus]

    @property
    def extras(self) -> list[TaskReport]:
        """The bonus tasks."""
        return [task for task in self.tasks if task.bonus]

    @model_validator(mode="after")
    def _sums(self) -> Self:
        if (self.score, self.max_score) != _sum(self.regular):
            raise ValueError("the score of a part is the sum of its tasks' points")
        if (self.bonus, self.max_bonus) != _sum(self.extras):
            raise ValueError("the bonus of a part is the sum of its bonus tasks' points")
        return self


class Generator(_Closed):
    """What graded, as far as it can matter to a number."""

    name: Short = "latent-week"
    version: Short
    python: Short = ""
    torch: Short = ""
    system: Short = ""


class Report(_Closed):
    """One grading run. `seed` is hexadecimal; `isolation` is the weakest of the parts'."""

    version: Literal["latent-week/report/1"] = Field(default=SCHEMA, alias="schema")
    isolation: Level
    seed: Annotated[str, Field(pattern=r"^[0-9a-f]{1,64}$")]
    generator: Generator
    parts: list[PartReport]

    @property
    def score(self) -> int:
        """The points of all parts, without bonus."""
        return sum(part.score for part in self.parts)

    @property
    def max_score(self) -> int:
        """The points there were to be had, without bonus."""
        return sum(part.max_score for part in self.parts)

    @property
    def bonus(self) -> int:
        """The bonus points of all parts."""
        return sum(part.bonus for part in self.parts)

    @property
    def max_bonus(self) -> int:
        """The bonus points there were to be had."""
        return sum(part.max_bonus for part in self.parts)

    @property
    def grader_failed(self) -> bool:
        """Whether some part could not be graded through no fault of the student's."""
        return any(part.status == "grader_failed" for part in self.parts)

    @model_validator(mode="after")
    def _weakest(self) -> Self:
        if self.isolation != weakest(part.isolation for part in self.parts):
            raise ValueError("the isolation of a report is the weakest of its parts'")
        return self


def make_report(parts: list[PartReport], seed: str, generator: Generator) -> Report:
    """The report of some parts; `seed` is hexadecimal."""
    level = weakest(part.isolation for part in parts)
    return Report(isolation=level, seed=seed, generator=generator, parts=parts)


def weakest(levels: Any) -> Level:
    """The weakest of some isolation levels; "none" (no student code ran) counts only alone."""
    found = set(levels)
    order: tuple[Level, ...] = ("L0", "L1", "L2", "L3")
    return next((level for level in order if level in found), "none")


def next_task(report: Report) -> tuple[PartReport, TaskReport] | None:
    """What to do next: the first regular task that is begun and wrong, else the first untouched.

    Returns None when every regular point is there.
    """
    open_ = [(part, task) for part in report.parts for task in part.regular if task.lost]
    begun = [(part, task) for part, task in open_ if not task.not_implemented]
    return next(iter(begun or open_), None)


def changes(earlier: Report, later: Report) -> list[tuple[str, int]]:
    """(task, points won or lost) for each task whose points differ, in the later report's order."""
    before = {(p.part, t.task): t.points for p in earlier.parts for t in p.tasks}
    return [
        (task.task, task.points - before[part.part, task.task])
        for part in later.parts
        for task in part.tasks
        if before.get((part.part, task.task), task.points) != task.points
    ]


def report_schema() -> dict[str, Any]:
    """The JSON schema of a report, as published in `report.schema.json`."""
    schema = Report.model_json_schema(by_alias=True, mode="serialization")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        **schema,
    }


def report_schema_text() -> str:
    """The content of `report.schema.json`."""
    return json.dumps(report_schema(), indent=2, ensure_ascii=False) + "\n"


def _sum(items: list[TestReport] | list[TaskReport]) -> tuple[int, int]:
    return sum(item.points for item in items), sum(item.max_points for item in items)
