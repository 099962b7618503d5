"""Values that are made to break the judge that looks at them: each costs its own points alone."""

from __future__ import annotations

import time

import pytest

from grading import check
from grading.judging.likeness import alike
from tests.judging.conftest import Grade
from tests.judging.course import SOLUTION


@pytest.mark.parametrize(
    "body",
    [
        "return 10 ** 400",
        "return -(10 ** 5000)",
        "return [[torch.zeros((3,) * 13, dtype=torch.uint8)]]",
        "return {(torch.zeros((3,) * 13),): x}",
        "return {10 ** 5000: x, 'k' * 10**6: x}",
        "return torch.zeros(2, 3).to_sparse()",
        "return x.to(torch.complex64)",
        "return torch.empty(3, device='meta')",
        "return 'x\\n100 / 100' * 1000",
        "return type('a>\\n\\n100 / 100', (), {})()",
        "return type('S', (), {'__len__': lambda s: 10**9, '__iter__': lambda s: iter(())})()",
        "return [[[[[[[[[[x]]]]]]]]]]",
        "raise type('E\\n100 / 100', (Exception,), {})('a\\nb')",
    ],
)
def test_a_hostile_value_is_a_wrong_answer(graded: Grade, body: str) -> None:
    start = time.monotonic()
    report = graded(SOLUTION.replace("return 2 * x", body))
    assert report.status == "graded"
    assert {task.task: task.points for task in report.tasks} == {
        "double": 0,
        "noisy": 30,
        "net": 20,
    }
    assert time.monotonic() - start < 30
    for test in report.tasks[0].tests:
        for text in (test.message, test.symptom, test.got):
            assert "\n" not in text


def test_arithmetic_of_a_test_cannot_fill_the_memory(graded: Grade) -> None:
    # check.gradient sums it: 40,000 x 40,000 numbers are 6.4 GB, from a frame of 320 kB.
    body = "return (torch.zeros(40000, 1), torch.zeros(1, 40000))"
    source = SOLUTION.replace("return x + torch.randn_like(x)", body)
    public = (
        "import pytest, torch\nfrom grading import check\n"
        '@pytest.mark.task("noisy")\n'
        "def test_noisy(student):\n"
        "    a, b = student.noisy(torch.zeros(2))\n"
        "    check.close(a + b, torch.zeros(2), 'off')\n"
    )
    from dataclasses import replace
    from pathlib import Path
    from tempfile import TemporaryDirectory

    from tests.judging.course import MANIFEST, write_course

    good = SOLUTION.replace("return x + torch.randn_like(x)", "return x, x * 0")
    with TemporaryDirectory() as folder:
        part = write_course(
            Path(folder), manifest=MANIFEST, hidden=public, public="", solution=good
        )
        task = part.task("noisy")
        assert task is not None
        part = replace(part, tasks=(task,))
        assert graded(good, part=part).score == 30
        report = graded(source, part=part)
    assert (report.status, report.score) == ("graded", 0)
    assert "allocate" in report.tasks[0].tests[0].message


def test_an_import_that_dawdles_does_not_outlast_the_part(graded: Grade) -> None:
    source = "import time\ntime.sleep(1.5)\n" + SOLUTION.replace(
        "return 2 * x", "time.sleep(30)"
    ).replace("return x + torch", "time.sleep(30)\n    return x + torch")
    start = time.monotonic()
    report = graded(source, part_seconds=4.0, test_seconds=1)
    assert time.monotonic() - start < 25  # the calls alone would sleep for 30 s and more
    assert report.tasks[0].points == 0


def test_a_line_of_a_report_cannot_be_drawn_by_a_name(graded: Grade) -> None:
    source = SOLUTION + (
        "\ndef _f(): raise RuntimeError('x')\n"
        "_f.__code__ = _f.__code__.replace(co_name='f)\\n\\ntiny\\n100 / 100')\n_f()\n"
    )
    report = graded(source)
    assert report.status == "cannot_import"
    assert "\n" not in report.message


def test_numbers_of_any_size_are_compared() -> None:
    assert alike(10**400, 10**400)
    assert not alike(10**400, 1.0)
    assert not alike(1.0, 10**400)
    assert alike(float("nan"), float("nan"))


def test_showing_is_quick_whatever_it_is() -> None:
    import torch

    start = time.process_time()
    huge = torch.zeros((3,) * 13)
    for value in ([[huge]], {"a": [huge]}, (huge,) * 1000, {huge}, "x" * 10**7, 10**5000):
        assert len(check.show(value)) <= 400
    assert time.process_time() - start < 8
