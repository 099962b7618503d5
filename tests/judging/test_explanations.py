"""What a lost point tells: the exception, the call to paste, the known mistake."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from grading.judging.diagnosis import Diagnosis
from grading.scoring import PartReport, TestReport
from tests.judging.conftest import Grade
from tests.judging.course import (
    MOVE,
    MOVE_HIDDEN,
    MOVE_MANIFEST,
    MOVE_PUBLIC,
    PUBLIC,
    SOLUTION,
    write_course,
)


def by_name(report: PartReport) -> dict[str, TestReport]:
    return {test.name: test for task in report.tasks for test in task.tests}


def lost_of(graded: Grade, tmp_path: Path, old: str, new: str) -> dict[str, TestReport]:
    """The tests of the second course that fail when `old` becomes `new` in its solution."""
    part = write_course(
        tmp_path / "move", manifest=MOVE_MANIFEST, public=MOVE_PUBLIC, hidden=MOVE_HIDDEN,
        solution=MOVE,
    )  # fmt: skip
    assert MOVE.count(old) == 1
    report = graded(MOVE.replace(old, new), part=part)
    return {name: test for name, test in by_name(report).items() if test.status != "passed"}


def test_a_known_mistake_is_named_by_the_tests_that_tell_it_from_its_twin(graded: Grade) -> None:
    report = graded(SOLUTION.replace("return 2 * x", "return x + 3"))
    tests = by_name(report)
    assert tests["test_double_three"].status == "passed"
    named = tests["test_double_random"].misconception
    assert named is not None and (named.slug, named.guide) == ("plus_three", "tiny.md#plus")


def test_a_mistake_that_nobody_knows_is_not_named(graded: Grade) -> None:
    report = graded(SOLUTION.replace("return 2 * x", "return 2 * x + 1"))
    lost = [test for test in by_name(report).values() if test.status != "passed"]
    assert lost and not any(test.misconception for test in lost)


def test_the_call_can_be_pasted_and_goes_wrong_as_told(graded: Grade, tmp_path: Path) -> None:
    source = SOLUTION.replace("return 2 * x", "return x * x")
    lost = by_name(graded(source))["test_double_random"]
    assert "torch.tensor" in lost.call and len(lost.call) < 400
    out = paste(lost.call, source)
    numbers = [float(text) for text in lost.got.split("[")[1].rstrip("]").split(",")]
    assert out.reshape(-1).tolist() == pytest.approx(numbers, rel=1e-4)
    assert lost.got != lost.expected


def test_the_call_of_a_model_makes_the_model_first(graded: Grade, tmp_path: Path) -> None:
    source = SOLUTION.replace("return self.line(x)", "return torch.relu(self.line(x))")
    lost = by_name(graded(source))["test_net"]
    assert "model = Net(" in lost.call and lost.call.endswith("model(x)")
    assert bool((paste(lost.call, source) >= 0).all())
    assert lost.misconception is not None and lost.misconception.slug == "relu"


def test_an_exception_names_the_line(graded: Grade) -> None:
    source = SOLUTION.replace("return 2 * x", "return x.nothing")
    message = by_name(graded(source))["test_double_three"].message
    line = 1 + source[: source.index("x.nothing")].count("\n")
    assert f"(tiny.py, line {line}, in double: return x.nothing)" in message


def test_without_a_reference_the_last_call_is_shown(tmp_path: Path, graded: Grade) -> None:
    template = write_course(tmp_path / "template")
    for path in sorted(template.instructor_folder.iterdir()):
        path.unlink()
    source = SOLUTION.replace("return 2 * x", "return x * x")
    lost = by_name(graded(source, part=template))["test_double_three"]
    assert lost.call == ("import torch\nfrom tiny import double\nx = torch.tensor([3.])\ndouble(x)")
    assert (lost.got, lost.expected) == ("shape (1,): [9]", "shape (1,): [6]")


def public_only(graded: Grade, tmp_path: Path, source: str, public: str) -> dict[str, TestReport]:
    """Tests of a course without a reference, as a student has it."""
    template = write_course(tmp_path / "template", public=public)
    for path in sorted(template.instructor_folder.iterdir()):
        path.unlink()
    return by_name(graded(source, part=template))


def test_a_call_of_the_tasks_own_function_comes_before_others(
    graded: Grade, tmp_path: Path
) -> None:
    later = PUBLIC.replace(
        "    check.close(student.double(torch.tensor([3.0]))",
        "    got = student.double(torch.tensor([3.0]))\n"
        "    student.noisy(torch.tensor([3.0]))\n    check.close(got",
    )
    source = SOLUTION.replace("return 2 * x", "return x * x")
    call = public_only(graded, tmp_path, source, later)["test_double_three"].call
    assert call.endswith("double(x)")


def test_a_call_that_does_not_repeat_says_so(graded: Grade, tmp_path: Path) -> None:
    # The test loads weights of its own: the lines give other numbers than those told.
    loads = PUBLIC.replace(
        "    x = torch.randn(3, size)\n",
        "    x = torch.randn(3, size)\n"
        "    net.load_state_dict({k: v + 1 for k, v in net.state_dict().items()})\n",
    )
    assert loads != PUBLIC
    source = SOLUTION.replace("return self.line(x)", "return -self.line(x)")
    assert public_only(graded, tmp_path, source, PUBLIC)["test_net"].call.endswith("model(x)")
    lost = public_only(graded, tmp_path, source, loads)["test_net"]
    assert lost.symptom == "The net is not its line."
    assert lost.call.endswith(
        "\nmodel(x)\n# A simpler call than the test's, whose numbers are told here."
    )
    assert paste(lost.call, source).shape == (2, 2)


def test_of_a_large_call_with_the_tests_model_one_of_its_kind_is_shown(
    graded: Grade, tmp_path: Path
) -> None:
    asks = """
import pytest, torch
from grading import check

@pytest.mark.task("double")
def test_double_three(student):
    x = torch.randn(60, 40)
    check.close(student.asks(lambda z: 3 * z, x), 6 * x, "Not twice the model's answer.")
"""
    source = SOLUTION + "\n\ndef asks(model, x):\n    return model(x)\n"
    lost = public_only(graded, tmp_path, source, asks)["test_double_three"]
    assert lost.call.startswith("import torch\nfrom tiny import asks\nmodel = lambda")
    assert lost.call.endswith(
        "asks(model, x)\n# A simpler call than the test's, whose numbers are told here."
    )
    assert len(paste(lost.call, source).unique()) == 4  # a model that answers 0 would tell nothing


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ("x + torch.zeros(7)", True),
        ("x[1 << 40] if len(x) > 9 else x", False),  # a smaller one does not raise
        ("x[1 << 40] if len(x) > 9 else {}[0]", False),  # it raises something else
    ],
)
def test_of_a_large_call_that_raises_one_that_raises_the_same_is_shown(
    graded: Grade, tmp_path: Path, body: str, shown: bool
) -> None:
    large = PUBLIC.replace("torch.tensor([3.0])", "torch.randn(60, 40)")
    source = SOLUTION.replace("return 2 * x", f"return {body}")
    call = public_only(graded, tmp_path, source, large)["test_double_three"].call
    if not shown:
        assert call == ""
        return
    assert "\ndouble(x)\n# A simpler call than the test's" in call
    with pytest.raises(RuntimeError, match="must match the size"):
        paste(call, source)


@pytest.mark.parametrize("reference", [True, False])
def test_a_change_of_an_input_is_named_and_shown(
    graded: Grade, tmp_path: Path, reference: bool
) -> None:
    source = SOLUTION.replace("return 2 * x", "return x.mul_(2)")
    if reference:
        lost = by_name(graded(source))["test_double_three"]
    else:
        lost = public_only(graded, tmp_path, source, PUBLIC)["test_double_three"]
    assert lost.symptom.startswith("double changed its input in place (the first argument). ")
    assert lost.got and lost.expected
    assert "raised" not in lost.message
    assert lost.call.splitlines()[-2:] == ["double(x)", "x"]
    assert paste(lost.call, source).tolist() == [6.0]


def test_an_exception_keeps_its_words_beside_the_small_call(graded: Grade) -> None:
    source = SOLUTION.replace("return 2 * x", "return x.nothing")
    lost = by_name(graded(source))["test_double_random"]
    assert lost.call.endswith("double(x)")
    assert "has no attribute 'nothing' (tiny.py, line" in lost.got


def test_of_large_results_an_element_that_differs_is_shown(graded: Grade, tmp_path: Path) -> None:
    public = PUBLIC.replace("torch.tensor([3.0])", "torch.ones(9)").replace(
        "torch.tensor([6.0])", "torch.full((9,), 2.0)"
    )
    source = SOLUTION.replace("return 2 * x", "return torch.cat([2 * x[:8], x[8:]])")
    part = write_course(tmp_path / "nine", public=public)
    lost = by_name(graded(source, part=part))["test_double_three"]
    assert (lost.got, lost.expected) != ("", "")
    assert lost.got.split("]")[0] != lost.expected.split("]")[0]


def test_a_mistake_that_explains_little_is_a_coincidence(graded: Grade) -> None:
    # At x = 3 it gives what "plus_three" does not and the first public test what is due; the
    # other two tests of the task fail with numbers that no known mistake has.
    source = SOLUTION.replace(
        "return 2 * x", "return x * x if x.numel() == 1 else 2.5 * x.detach()"
    )
    tests = by_name(graded(source))
    lost = [test for test in tests.values() if test.status != "passed"]
    assert [test.name for test in lost] == [
        "test_double_three",
        "test_double_random",
        "test_double_gradient",
    ]
    assert [test.misconception for test in lost] == [None, None, None]


@pytest.mark.parametrize(
    ("body", "slug"),
    [("x * x", "squared"), ("x + 3", "plus_three"), ("x + 3 if x < 3 else x", "squared")],
)
def test_mistakes_that_fail_alike_part_where_the_test_would_have_gone_on(
    graded: Grade, tmp_path: Path, body: str, slug: str
) -> None:
    # Where x * x is x + 3. The last body is neither later on: the first in the bank stays.
    number = (1 + 13**0.5) / 2
    public = PUBLIC.replace(
        "    check.close(student.double(torch.tensor([3.0])), torch.tensor([6.0]),",
        f"    for x in ({number}, 5.0):\n"
        "        check.close(student.double(torch.tensor([x])), torch.tensor([2 * x]),",
    )
    assert public != PUBLIC
    part = write_course(tmp_path / "alike", public=public)
    source = SOLUTION.replace("return 2 * x", f"return {body}")
    lost = by_name(graded(source, part=part, public_only=True))["test_double_three"]
    assert lost.misconception is not None and lost.misconception.slug == slug


@pytest.mark.parametrize("step", ["explain", "strike"])
def test_an_explanation_that_goes_wrong_costs_nothing_and_is_told_to_an_audit(
    graded: Grade, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def fault(*_: Any) -> None:
        raise KeyError("nothing here")

    monkeypatch.setattr(Diagnosis, step, fault)
    source = SOLUTION.replace("return 2 * x", "return x * x")
    report = graded(source)
    assert (report.status, report.score) == ("graded", 50)
    report = graded(source, strict=True)
    assert report.status == "grader_failed"
    assert "is not explained: KeyError: 'nothing here'" in report.message


def test_a_mistake_that_would_have_failed_a_passed_test_is_not_named(graded: Grade) -> None:
    whole = by_name(graded(SOLUTION.replace("return 2 * x", "return x * x")))["test_double_three"]
    assert whole.misconception is not None and whole.misconception.slug == "squared"
    # The same numbers at x = 3, and right elsewhere.
    source = SOLUTION.replace("return 2 * x", "return 2 * x if x.numel() > 1 else x * x")
    tests = by_name(graded(source))
    assert [name for name, test in tests.items() if test.status != "passed"] == [
        "test_double_three"
    ]
    lost = tests["test_double_three"]
    assert (lost.got, lost.expected) == (whole.got, whole.expected)
    assert lost.misconception is None


def test_the_call_that_changes_its_arguments_shows_them(graded: Grade, tmp_path: Path) -> None:
    lost = lost_of(graded, tmp_path, "value += step(x)", "value += 2 * step(x)")["test_move"]
    lines = lost.call.splitlines()
    assert lines[0] == "import torch"
    assert lines[2].startswith("values_0 = torch.tensor(")
    assert lines[-1] == "values_0, values_1"
    changed = paste(lost.call, MOVE.replace("value += step(x)", "value += 2 * step(x)"))
    assert [value.tolist() for value in changed] == [[1.0, 1.0], [2.0, 2.0]]
    assert "1.5" in lost.expected and "1.5" not in lost.got


def test_the_call_says_that_its_arguments_require_a_gradient(graded: Grade, tmp_path: Path) -> None:
    lost = lost_of(graded, tmp_path, "with torch.no_grad():", "if True:")
    assert list(lost) == ["test_move_leaves"]
    test = lost["test_move_leaves"]
    # What is in process a leaf is one in the worker too, and not a view of what came in.
    assert "RuntimeError: a leaf Variable that requires grad" in test.message
    assert "torch.tensor([0., 0.]).requires_grad_()" in test.call
    with pytest.raises(RuntimeError, match="a leaf Variable"):
        paste(test.call, MOVE.replace("with torch.no_grad():", "if True:"))


def test_a_stub_of_another_task_is_named(graded: Grade, tmp_path: Path) -> None:
    lost = lost_of(
        graded, tmp_path, "return 0.5 * x", 'raise NotImplementedError("step: not implemented yet")'
    )
    assert lost["test_step"].not_implemented
    assert not lost["test_move"].not_implemented
    assert lost["test_move"].symptom == "move needs step here, which is not implemented yet."


def test_an_exception_in_another_task_names_that_task(graded: Grade, tmp_path: Path) -> None:
    lost = lost_of(graded, tmp_path, "return 0.5 * x", "return 0.5 * x.nothing")
    assert lost["test_step"].symptom == "Your code raised AttributeError."
    assert lost["test_move"].symptom.endswith(
        "AttributeError in step, which is part of another task."
    )


def test_an_error_that_no_stub_raised_is_the_students_own(graded: Grade) -> None:
    source = SOLUTION.replace("return 2 * x", "raise NotImplementedError('some other time')")
    lost = by_name(graded(source))["test_double_three"]
    assert not lost.not_implemented
    assert "NotImplementedError: some other time" in lost.message


def test_a_mistake_is_named_when_the_test_cannot_use_the_result(
    graded: Grade, tmp_path: Path
) -> None:
    three = "student.double(torch.tensor([3.0]))"
    part = write_course(tmp_path / "other", public=PUBLIC.replace(three, f"{three}.clone()"))
    entry = '@mistake("double", "nothing", "The return is missing.")\ndef double(x):\n    2 * x\n'
    bank(part.misconceptions_file, entry)
    report = graded(SOLUTION.replace("return 2 * x", "2 * x"), part=part)
    lost = by_name(report)["test_double_three"]
    assert lost.symptom == "The test could not use what came back."
    assert "'NoneType' object has no attribute 'clone'" in lost.message
    assert lost.got == "None"
    assert lost.misconception is not None and lost.misconception.slug == "nothing"


def test_a_mistake_without_a_seed_is_known_by_its_symptom(graded: Grade, tmp_path: Path) -> None:
    clock = (
        "def double(x):\n"
        "    generator = torch.Generator()\n"
        "    generator.seed()\n"
        "    return 2 * x + torch.rand(x.shape, generator=generator)\n"
    )
    source = SOLUTION.replace("    return 2 * x\n", clock.partition("\n")[2])
    for told, slug in (("", None), (", unseeded=True", "clock")):
        part = write_course(tmp_path / f"course{bool(told)}")
        bank(part.misconceptions_file, f'@mistake("double", "clock", "No seed."{told})\n{clock}')
        # Of 120 numbers; a single one is the same by chance in one of a thousand runs.
        lost = by_name(graded(source, part=part))["test_double_random"]
        assert (lost.misconception.slug if lost.misconception else None) == slug


def bank(path: Path, entry: str) -> None:
    """Add a mistake to a bank."""
    path.write_text(f"{path.read_text(encoding='utf-8')}\n{entry}", encoding="utf-8")


def paste(call: str, source: str) -> Any:
    """What the last line of a shown call gives, with the student's file in reach."""
    namespace: dict[str, Any] = {}
    exec(source, namespace)
    lines = [line for line in call.splitlines() if not line.startswith(("from tiny", "#"))]
    *lines, last = lines
    exec("\n".join(lines), namespace)
    return eval(last, namespace)
