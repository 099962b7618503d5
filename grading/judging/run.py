"""Grade a submission: each part's tests against the student's file, behind the border."""

from __future__ import annotations

import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from grading.errors import GraderError
from grading.judging.seeds import fresh_seed
from grading.scoring import (
    Generator,
    Part,
    PartReport,
    RawResult,
    Report,
    make_report,
    score_part,
    ungraded_part,
    unlisted,
)
from grading.submission import Submission, collect

if TYPE_CHECKING:
    from grading.judging.judge import Listener
    from grading.judging.workers import Workers
    from grading.sandbox import Level, Server

ALL_LEVELS: tuple[Level, ...] = ("L3", "L2", "L1")


@dataclass(frozen=True)
class Options:
    """How to grade.

    Attributes:
        seed: the run's seed, 32 hexadecimal digits.
        levels: isolation levels that will do, the strongest first.
        public_only: leave the hidden tests out.
        task: judge the tests of one task alone, "" for all.
        test_seconds: time limit of one test; None takes the part's own.
        import_seconds: time limit for importing the student's file.
        part_seconds: time limit of all tests of a part.
        explain: name mistakes and calls for lost points.
        strict: an explanation that goes wrong is the grader's failure. Else nobody's score depends
            on it, and nobody hears of it.
    """

    seed: str = field(default_factory=fresh_seed)
    levels: tuple[Level, ...] = ALL_LEVELS
    public_only: bool = False
    task: str = ""
    test_seconds: float | None = None
    import_seconds: float = 10.0
    part_seconds: float = 120.0
    explain: bool = True
    strict: bool = False


def grade(
    parts: Sequence[Part],
    path: Path,
    server: Server,
    options: Options,
    listener: Listener | None = None,
) -> Report:
    """Grade parts of the submission at `path`.

    Args:
        path: a repository, a folder with PART.py files, or one file.
        server: has torch loaded, or is about to.
        listener: told how far the tests are.

    Raises:
        SubmissionError: nothing can be read at `path`.
        GraderError: no isolation level that will do can be had.
    """
    with collect(path, [part.name for part in parts]) as submission:
        reports = [grade_part(part, submission, server, options, listener) for part in parts]
    return make_report(reports, options.seed, generator())


def grade_part(
    part: Part,
    submission: Submission,
    server: Server,
    options: Options,
    listener: Listener | None = None,
) -> PartReport:
    """Grade one part of a submission that has been read in; see `grade`."""
    public_only = options.public_only or not part.hidden_tests.is_file()
    if part.name not in submission.files:
        why = submission.why_missing(part.name)
        return ungraded_part(part, "missing_file", why, public_only=public_only)
    from grading.judging.verdict import classify
    from grading.judging.workers import Workers
    from grading.sandbox import Limits

    limits = Limits(memory_mb=part.limits.memory_mb)
    workers = Workers(
        partial(server.sandbox, submission.folder, limits, levels=options.levels),
        submission.files[part.name].relative_to(submission.folder).as_posix(),
        import_seconds=options.import_seconds,
    )
    try:
        results, why = _judge(part, workers, options, public_only, listener)
        level = workers.sandbox.isolation.level
    finally:
        workers.close()
    if why:
        return ungraded_part(part, "grader_failed", why, isolation=level, public_only=public_only)
    if workers.import_error is not None:
        said = classify(workers.import_error, f"{part.name}.py").message
        message = f"{part.name}.py cannot be imported. {said}"
        return ungraded_part(
            part, "cannot_import", message, isolation=level, public_only=public_only
        )
    return score_part(part, results, isolation=level, public_only=public_only)


def _judge(
    part: Part,
    workers: Workers,
    options: Options,
    public_only: bool,
    listener: Listener | None,
) -> tuple[list[RawResult], str]:
    """The results of the part's tests, and why the grader failed ("" when it did not)."""
    from grading.judging.ceiling import memory_ceiling
    from grading.judging.diagnosis import Diagnosis, name_mistakes
    from grading.judging.judge import Judge
    from grading.judging.pieces import Pieces
    from grading.judging.session import run_tests

    pieces = Pieces(part.solution) if part.solution.is_file() else None
    diagnosis = Diagnosis(part, workers, pieces) if options.explain and pieces else None
    seconds = options.test_seconds or part.limits.test_seconds
    files = [part.public_tests] + ([] if public_only else [part.hidden_tests])
    judge = Judge(
        workers,
        diagnosis,
        seed=options.seed,
        file_name=f"{part.name}.py",
        tasks=part.tasks,
        pieces=pieces,
        test_seconds=seconds,
        part_seconds=options.part_seconds,
        explains=options.explain,
        listener=listener,
    )
    try:
        with memory_ceiling():
            results = run_tests(
                judge, part.folder, files, test_seconds=seconds, keyword=options.task
            )
    except GraderError as error:
        if judge.refused is not None:
            raise
        return [], str(error)
    for result in results:
        if result.detail.get("fault") == "grader":
            return results, f"{result.function}: {result.message}"
        if options.strict and result.detail.get("unexplained"):
            return results, f"{result.function} is not explained: {result.detail['unexplained']}"
    stray = unlisted(part, results)
    if stray:
        return results, f"assignment.toml lists no test {stray[0]}; add it to a task or remove it."
    return name_mistakes(part, results, diagnosis.struck if diagnosis else ()), ""


def generator() -> Generator:
    """What grades here, as far as it can matter to a number."""
    torch = sys.modules.get("torch")
    try:
        own = version("latent-week")
    except PackageNotFoundError:
        own = "unknown"
    return Generator(
        version=own,
        python=platform.python_version(),
        torch=str(getattr(torch, "__version__", "")),
        system=f"{platform.system()} {platform.machine()}",
    )
