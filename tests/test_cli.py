"""The command line: exit codes, sentences, and what it prints."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from grading.cli import main
from grading.cli.guide import section
from grading.skeleton import make_skeleton
from tests.judging.course import SOLUTION, write_course

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Call the command in this process; gives exit code, standard output and standard error."""
    monkeypatch.delenv("LATENT_WEEK_DEBUG", raising=False)
    monkeypatch.setenv("COLUMNS", "100")

    def call(*args: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as caught:
            main([str(arg) for arg in args])
        out, err = capfd.readouterr()
        return int(caught.value.code or 0), out, err

    return call


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    part = write_course(tmp_path)
    part.student_file.parent.mkdir()
    part.student_file.write_text(make_skeleton(SOLUTION), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_help_is_quick_to_load() -> None:
    # What it imports, not how long it takes: the machine's load is not the command's fault.
    code = (
        "import sys\nfrom grading.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'numpy', 'pydantic', 'rich', 'pytest'} & set(sys.modules)\n"
        "print('HEAVY', sorted(heavy))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Commands:" in out.stdout and "HEAVY []" in out.stdout


def test_run_grades_this_folder(run: Run, course: Path) -> None:
    code, out, err = run("run", "tiny")
    assert code == 0
    assert "0 / 100" in out and "to do" in out and "isolation L3" in out
    assert "Traceback" not in out + err


def test_files_and_fail_under(run: Run, course: Path) -> None:
    student = course / "mine.py"
    student.write_text(SOLUTION.replace("return 2 * x", "return x * x"), encoding="utf-8")
    args = ("run", "tiny", "--submission", student, "--quiet", "--seed", "0xC0FFEE")
    code, out, _ = run(
        *args, "--json", "r/a.json", "--markdown", "a.md", "--junit", "a.xml", "--fail-under", 51
    )
    assert (code, out) == (1, "tiny: 50/100 (L3)\n")
    report = json.loads((course / "r/a.json").read_text(encoding="utf-8"))
    assert report["schema"] == "latent-week/report/1"
    assert report["seed"].lstrip("0") == "c0ffee"
    assert report["parts"][0]["tasks"][0]["hint"] == "You squared x instead of doubling it."
    assert "50" in (course / "a.md").read_text(encoding="utf-8")
    assert "<testsuite" in (course / "a.xml").read_text(encoding="utf-8")
    assert run(*args, "--fail-under", 50)[0] == 0


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("run", "tinny"), "Did you mean"),
        (("run", "tiny", "--task", "doubel"), "Did you mean 'double'?"),
        (("run", "tiny", "--submission", "nowhere"), "nowhere"),
        (("run", "tiny", "--seed", "xyz"), "32 hexadecimal digits"),
        (("run", "tiny", "--seed", "f" * 33), "32 hexadecimal digits"),
        (("run", "--fail-under", "101"), "101"),
        (("rum",), "Did you mean 'run'?"),
        (("explain", "doubel"), "Did you mean 'double'?"),
        (("watch", "tiny", "--submission", "nowhere.py"), "There is no file"),
        (("audit", "tiny", "--seeds", "0"), "0 is not in the range"),
        (("completion", "tcsh"), "'tcsh'"),
    ],
)
def test_a_mistake_in_the_call_is_one_sentence(
    run: Run, course: Path, args: tuple[str, ...], says: str
) -> None:
    code, _, err = run(*args)
    assert code == 2
    assert says in err and "Traceback" not in err
    assert len(err.strip().splitlines()) <= 5


def test_nothing_there(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").mkdir()
    code, _, err = run("run", "--assignments", tmp_path / "empty")
    assert code == 2 and "There is no assignment below" in err


def test_a_broken_day_does_not_stop_another(run: Run, course: Path) -> None:
    (course / "assignments/other").mkdir()
    (course / "assignments/other/assignment.toml").write_text("schema = 1\n", encoding="utf-8")
    assert run("explain", "double")[0] == 2
    assert run("run", "tiny", "--quiet")[:2] == (0, "tiny: 0/100 (L3)\n")
    code, _, err = run("run", "nothing")
    assert code == 2 and "other/assignment.toml, line 1" in err


def test_the_grader_itself_failing_is_3(run: Run, course: Path) -> None:
    hidden = course / "assignments/day/instructor/tiny/test_hidden.py"
    hidden.write_text("import nothing_like_it\n", encoding="utf-8")
    code, out, _ = run("run", "tiny")
    assert code == 3
    assert "Your code is not at fault" in out


def test_explain_shows_task_and_section(run: Run, course: Path) -> None:
    code, out, _ = run("explain", "double")
    assert code == 0
    assert "50 points" in out and "test_double_gradient" in out and "Twice." in out


def test_explain_takes_a_function_and_the_start_of_a_name(run: Run, course: Path) -> None:
    for name in ("net", "tiny/net", "forward", "Net.forward", "ne"):
        assert "tiny/net\n" in run("explain", name)[1], name
    manifest = course / "assignments/day/assignment.toml"
    text = manifest.read_text(encoding="utf-8")
    manifest.write_text(text.replace('"noisy"', '"nearly"'), encoding="utf-8")
    code, _, err = run("explain", "ne")
    assert code == 2 and "tiny/nearly, tiny/net" in err


def test_explain_shows_a_docstring_for_a_drawn_formula(run: Run, course: Path) -> None:
    guide = course / "assignments/day/tiny.md"
    text = guide.read_text(encoding="utf-8")
    guide.write_text(text.replace("Twice.", "$$y = \\tfrac42 x$$"), encoding="utf-8")
    student = course / "assignments/day/student/tiny.py"
    student.write_text(
        'raise SystemExit("never run")\ndef double(x):\n    """y = 4/2 x."""\n', encoding="utf-8"
    )
    _, out, _ = run("explain", "double")
    assert "tfrac" not in out and "drawn in the guide" in out
    assert out.rstrip().endswith("y = 4/2 x.")
    student.write_text("def double(:", encoding="utf-8")
    assert run("explain", "double")[0] == 0


def test_skeletons_are_compared_and_written(run: Run, course: Path) -> None:
    path = course / "assignments/day/student/tiny.py"
    assert run("skeleton")[0] == 0
    path.write_text("# by hand\n", encoding="utf-8")
    assert run("skeleton")[0] == 1
    assert run("skeleton", "--write")[0] == 0
    assert path.read_text(encoding="utf-8") == make_skeleton(SOLUTION)


def test_completion_knows_parts_and_tasks(course: Path) -> None:
    from click.shell_completion import ShellComplete

    from grading.cli.app import group

    complete = ShellComplete(group, {}, "grade", "_GRADE_COMPLETE")
    values = lambda *args: [i.value for i in complete.get_completions(list(args[:-1]), args[-1])]  # noqa: E731
    assert values("r") == ["run"]
    assert values("run", "ti") == ["tiny"]
    assert values("explain", "") == ["double", "noisy", "net"]


def test_audit_counts_and_finds(run: Run, course: Path) -> None:
    code, out, _ = run("audit", "tiny", "--seeds", 2, "--jobs", 2, "--json", "audit.json")
    assert code == 0, out
    assert "tiny: green" in out
    (figures,) = json.loads((course / "audit.json").read_text(encoding="utf-8"))
    assert (figures["mistakes"], figures["caught"], figures["named"]) == (4, 4, 4)
    assert figures["seeds"] == 2 and figures["hostile"] == figures["repelled"] > 5


def test_audit_is_red_when_tests_are_blind(run: Run, course: Path) -> None:
    hidden = course / "assignments/day/instructor/tiny/test_hidden.py"
    text = hidden.read_text(encoding="utf-8")
    hidden.write_text(
        text.replace("check.close(grad, torch.full((4,), 2.0), ", "check.that(True, ").replace(
            "(grad,) = check.gradient", "# "
        ),
        encoding="utf-8",
    )
    (course / "assignments/day/student/tiny.py").write_text("# by hand\n", encoding="utf-8")
    code, out, _ = run("audit", "tiny", "--seeds", 1, "--jobs", 1)
    assert code == 1
    assert "mistake: double/detached: loses no points" in out
    assert re.search(r"skeleton: tiny.py: is not what the solution gives", out)


def test_demo_shows_four_side_by_side(run: Run, course: Path) -> None:
    code, out, _ = run("demo", "tiny")
    assert code == 0
    for name in ("skeleton", "half-done", "reference", "hostile"):
        assert name in out


def test_formulas_within_a_line_are_shown_as_code(tmp_path: Path) -> None:
    guide = tmp_path / "tiny.md"
    guide.write_text(
        "## Task\n\nWith $a_i\\,\\|\\,\n+ b_i$ and \\$5.\n\n```sh\necho $HOME $PATH\n```\n", "utf-8"
    )
    text = section(guide, "#task")
    assert "With `a_i\\,\\|\\, + b_i` and \\$5." in text
    assert "echo $HOME $PATH" in text
