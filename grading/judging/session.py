"""One pytest run of the judge: which files, which plugins, and what pytest itself reports."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from grading.errors import GraderError
from grading.judging.judge import VERDICT, Judge
from grading.scoring import RawResult

_INI = Path(__file__).with_name("judge.ini")
# pytest-timeout guards the judge itself: a test that computes forever on its own side. Deadlines
# on the border end a student's calls long before, in each attempt and in the replays that follow.
_GUARD_FACTOR = 6


def run_tests(
    judge: Judge,
    folder: Path,
    files: Sequence[Path],
    *,
    test_seconds: float,
    keyword: str = "",
) -> list[RawResult]:
    """Run test files under the judge and give what pytest reports of every test.

    Args:
        folder: pytest's root; nothing is read from it but the test files.
        files: test files, all trusted.
        keyword: pytest's `-m` expression, "" for every test.

    Raises:
        GraderError: a test file cannot be collected, there is no sandbox, or pytest itself failed.
    """
    import pytest_jsonreport.plugin as json_report
    import pytest_timeout  # type: ignore[import-untyped]

    from grading.judging import plugin

    reporter = json_report.JSONReport()
    told = io.StringIO()
    _forget(files)
    with _own_environment(), contextlib.redirect_stdout(told), contextlib.redirect_stderr(told):
        code = pytest.main(
            [
                *_options(folder, test_seconds),
                *(["-m", keyword] if keyword else []),
                *map(str, files),
            ],
            # As modules: for `-p NAME` pytest reads the metadata of every installed package.
            plugins=[plugin, pytest_timeout, json_report, judge, reporter],
        )
    if judge.refused is not None:
        raise judge.refused
    if judge.collection_errors:
        raise GraderError(
            f"The tests cannot be collected: {judge.collection_errors[0]}", "Mend the test file."
        )
    if reporter.report is None or code not in (0, 1, 5):
        text = " ".join(told.getvalue().split())[-600:]
        raise GraderError(f"pytest ended with status {int(code)}: {text}", "Run it with --debug.")
    return [_raw(test) for test in reporter.report.get("tests", [])]


def _options(folder: Path, test_seconds: float) -> list[str]:
    return [
        f"--rootdir={folder}",
        f"-c{_INI}",
        "--noconftest",
        "--import-mode=importlib",
        "--capture=no",
        "-pno:cacheprovider",
        "-qqq",
        "--tb=no",
        "--no-summary",
        "-pno:faulthandler",
        "-pno:logging",
        f"--timeout={test_seconds * _GUARD_FACTOR + 20:.0f}",
        "--json-report-file=none",
        "--json-report-omit=collectors",
        "--json-report-omit=keywords",
    ]


def _forget(files: Sequence[Path]) -> None:
    """Drop imported test files: pytest would take them for those of another course or time."""
    names = {path.stem for path in files}
    for name in [name for name in sys.modules if name.rpartition(".")[2] in names]:
        del sys.modules[name]


@contextlib.contextmanager
def _own_environment() -> Iterator[None]:
    """Without PYTEST_* variables: they could deselect tests or load plugins."""
    saved = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("PYTEST_")}
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    try:
        yield
    finally:
        os.environ.pop("PYTEST_DISABLE_PLUGIN_AUTOLOAD", None)
        os.environ.update(saved)


def _raw(test: dict[str, Any]) -> RawResult:
    path, _, name = test["nodeid"].rpartition("::")
    function, bracket, case = name.partition("[")
    verdict: dict[str, Any] = {}
    for entry in test.get("user_properties", []):
        verdict.update(entry.get(VERDICT, {}))
    # pytest's outcome and the verdict must agree on a pass; neither alone awards a point.
    outcome = str(test.get("outcome", "missing"))
    status = str(verdict.get("status", "missing"))
    if outcome == "passed" or status in ("timeout", "crashed", "failed"):
        outcome = status
    elif outcome == "error":
        outcome = "failed"
    return RawResult(
        file=path.split("::")[0].rpartition("/")[2],
        function=function,
        case=case.removesuffix("]") if bracket else "",
        outcome=outcome,
        duration=float(verdict.get("duration_s", 0.0)),
        message=str(verdict.get("message", "")),
        detail=verdict,
    )
