"""Every wrong manifest gives one sentence with file, line and key, and never a traceback."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grading.errors import ManifestError
from grading.scoring import find_assignments, find_part, load_assignment, parse_assignment
from grading.scoring.text import clean

HERE = Path("nowhere/assignment.toml")


def complaint(text: str) -> str:
    with pytest.raises(ManifestError) as caught:
        parse_assignment(text, HERE)
    return str(caught.value)


def test_right_manifest(text: str) -> None:
    day = parse_assignment(text, Path("a/day2_vae/assignment.toml"))
    (part,) = day.parts
    assert (day.day, part.name, part.day) == ("day2_vae", "vae", "day2_vae")
    assert (part.limits.test_seconds, part.limits.memory_mb) == (20, 1024)
    kl, coder, slerp = part.tasks
    assert [(t.name, t.visibility, t.weight, t.points) for t in kl.tests] == [
        ("test_kl_at_prior_is_zero", "public", 1, 20),
        ("test_kl_gradient", "hidden", 2, 40),
    ]
    assert coder.functions == ("VAE.encode", "VAE.decode")
    assert (kl.minutes, coder.minutes, slerp.bonus, kl.bonus) == (8, None, True, False)
    folder = Path("a/day2_vae")
    assert part.student_file == folder / "student/vae.py"
    assert part.guide_file == folder / "vae.md"
    assert part.public_tests == folder / "tests/test_vae.py"
    assert part.hidden_tests == folder / "instructor/vae/test_hidden.py"
    assert part.solution == folder / "instructor/vae/solution.py"
    assert part.misconceptions_file == folder / "instructor/vae/misconceptions.py"
    assert part.alternatives_file == folder / "instructor/vae/alternatives.py"


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("points = 60", "pionts = 60", 16, ['"pionts"', "[[part.task]]", 'mean "points"']),
        ("minutes = 8\n", 'minutes = 8\n"a b" = 1\n', 18, ['unknown key "a b"']),
        ("test_seconds = 20", "seconds = 20", 9, ['"seconds"', "[part.limits]"]),
        ("[part.limits]\ntest_seconds", "limits.second", 8, ['"second"', "[part.limits]"]),
        ('day = "day2_vae"', 'day = "day2_vae"\npart.x = 1', 6, ["part"]),
        ("points = 60\n", "", 11, ['key "points" is missing', "[[part.task]]"]),
        ('name = "vae"\n', "", 5, ['key "name" is missing', "[[part]]"]),
        ("points = 40", "points = 40.0", 27, ['"points" must be an integer', "40.0"]),
        ("points = 40", "points = true", 27, ['"points" must be an integer', "true"]),
        ("points = 40", 'points = "40"', 27, ['"points" must be an integer']),
        ("points = 40", "points = 1979-05-27", 27, ['"points" must be an integer']),
        ("points = 40", "points = -40", 27, ['"points" must be at least 1']),
        ("points = 40", "points = 0", 27, ['"points" must be at least 1']),
        ("points = 40", "points = 39", 5, ["add up to 99, not 100"]),
        ("points = 60", "points = 0x" + "f" * 9999, 16, ["a huge number"]),
        ("points = 60", "points = " + "9" * 9999, 16, ["thousands of digits"]),
        ("bonus = true", "bonus = 1", 37, ['"bonus" must be true or false']),
        ("bonus = true", "", 5, ["add up to 105"]),
        ("test_kl_gradient = 2", "test_kl_gradient = 0", 20, ["test_kl_gradient", "at least 1"]),
        ("test_kl_gradient = 2", "test_kl_gradient = -1", 20, ["at least 1"]),
        ("test_kl_gradient = 2", "test_kl_gradient = 101", 20, ["at most 100"]),
        ("test_kl_gradient = 2", "test_kl_gradient = 2.0", 20, ["must be an integer"]),
        ("test_kl_gradient", "kl_gradient", 20, ['"kl_gradient"', "test_something"]),
        ("test_kl_gradient", '"test_kl/../x"', 20, ["test_something"]),
        ("test_kl_gradient", "test_shapes", 29, ['test "test_shapes" is already on line 20']),
        ("test_kl_gradient", "test_kl_at_prior_is_zero", 20, ["already on line 19"]),
        (
            "points = 5",
            "points = 5\n[part.task.tests.hidden]\ntest_z = 1",
            39,
            ['"bonus" must be an integer'],
        ),
        ('"coder"', '"kl_divergence"', 23, ['task "kl_divergence" is already on line 12']),
        ('name = "vae"', 'name = "../vae"', 6, ['"name" is "../vae"', "path"]),
        ('name = "vae"', 'name = "C:\\\\vae"', 6, ["path"]),
        ('name = "vae"', 'name = "nul"', 6, ["Windows"]),
        ('name = "vae"', 'name = "com1"', 6, ["Windows"]),
        ('name = "vae"', 'name = "class"', 6, ["Python"]),
        ('name = "vae"', 'name = "Vae"', 6, ["lower case"]),
        ('name = "vae"', 'name = "vaé"', 6, ["lower case"]),
        ('name = "vae"', 'name = "vae\\n"', 6, ["lower case"]),
        ('name = "vae"', 'name = "\\u001b[31m"', 6, ["lower case"]),
        ('day = "day2_vae"', 'day = ""', 2, ['"day" is empty']),
        ('day = "day2_vae"', 'day = "day2_vae"\nday = "x"', 3, ["not TOML", 'day = "x"']),
        ('day = "day2_vae"', 'day = "day2_vae', 2, ["not TOML"]),
        ('function = "slerp"', "function = 3", 33, ['"function" must be a list']),
        ('function = "slerp"', 'function = ["a", 3]', 33, ["must be a string"]),
        ('function = "slerp"', 'function = "a b"', 33, ['"a b"', "VAE.encode"]),
        ('guide = "#9-slerp"', 'guide = "9-slerp"', 35, ['"guide"', "heading of vae.md"]),
        ("[[part]]", "[part]", 5, ["[[part]]"]),
        ("assignment/1", "assignment/2", 1, ['"schema" is', "latent-week/assignment/1"]),
        ('schema = "latent-week/assignment/1"\n', "", 1, ['key "schema" is missing']),
        ("[part.task.tests]\npublic", "[part.task.test]\npublic", 18, ["test", '"tests"']),
        ('title = "Slerp"', 'title = "' + "x" * 121 + '"', 34, ["longer than 120"]),
        ("hidden = { test_kl_gradient = 2 }", "hidden = 2", 20, ['"hidden" must be a table']),
    ],
)
def test_complaint(text: str, old: str, new: str, line: int, says: list[str]) -> None:
    assert old in text
    message = complaint(text.replace(old, new, 1))
    assert message.startswith(f"nowhere/assignment.toml, line {line}: "), message
    for part in says:
        assert part in message
    assert "\n" not in message and "\x1b" not in message and len(message) < 500


def test_a_test_worth_nothing(text: str) -> None:
    more = ", ".join(f"test_{i} = 1" for i in range(59))
    message = complaint(text.replace("test_kl_gradient = 2", f"test_kl_gradient = 2, {more}"))
    assert "line 20" in message and "worth none of the 60 points" in message


def test_duplicate_parts(text: str) -> None:
    second = (
        text[text.index("[[part]]") :].replace("test_", "test_b_").replace("test_b_sec", "test_sec")
    )
    assert 'line 41: the part "vae" is already on line 6' in complaint(text + second)


@pytest.mark.parametrize(
    "text",
    [
        "a=" + "[" * 500_000,
        "a=" + "{a=" * 300_000,
        ".".join("a" * 400_000) + "=1",
        "[" + ".".join("a" * 400_000) + "]",
        "[[part]]\n" * 30_000,
        "".join(f"{'.'.join('a' * 15)}.b{i}=1\n" for i in range(6_000)),
        "a=[" + "1," * 100_000 + "]",
        'a="""' + '""\\"' * 200_000,
        '"' * 1_000_000,
        "part = [" + "{}," * 60_000 + "]",
        "a" * 1_000_000 + "=1",
        'schema = "latent-week/assignment/1"\n' + "x" * 900_000 + " = 1",
    ],
    ids=range(12),
)
def test_large_texts_are_quick(text: str) -> None:
    began = time.process_time()
    assert len(complaint(text)) < 500
    assert time.process_time() - began < 8


@pytest.mark.parametrize(
    ("data", "line", "says"),
    [
        (b"\xef\xbb\xbfschema = 1", 1, "byte order mark"),
        (b"\xff\xfes\0", 1, "byte order mark"),
        (b"a = 1\nb = '\xe9'\n", 2, "0xe9 is not UTF-8"),
        (b"a = 1\n\n# \0", 3, "NUL"),
    ],
)
def test_bytes(tmp_path: Path, data: bytes, line: int, says: str) -> None:
    file = tmp_path / "assignment.toml"
    file.write_bytes(data)
    with pytest.raises(ManifestError, match=f"line {line}: .*{says}"):
        load_assignment(file)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="does not exist"):
        load_assignment(tmp_path / "assignment.toml")
    with pytest.raises(ManifestError, match="cannot be read"):
        load_assignment(tmp_path / "a\0b")
    with pytest.raises(ManifestError, match="cannot be read"):
        load_assignment(tmp_path / ("x" * 5000))
    (tmp_path / "assignment.toml").mkdir()
    with pytest.raises(ManifestError, match="not a file"):
        load_assignment(tmp_path)
    big = tmp_path / "big.toml"
    big.write_bytes(b"#" * ((1 << 20) + 1))
    with pytest.raises(ManifestError, match="larger than 1 MiB"):
        load_assignment(big)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes on this system")
def test_a_pipe_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "assignment.toml")
    with pytest.raises(ManifestError, match="not a file"):
        load_assignment(tmp_path)


def test_guide_anchors(tmp_path: Path, text: str) -> None:
    (tmp_path / "assignment.toml").write_text(text)
    load_assignment(tmp_path)  # no guide yet
    guide = "# VAE\n## 3. Encoder\n## 6. KL divergence\n## 9. Slerp\n"
    (tmp_path / "vae.md").write_text(guide)
    assert load_assignment(tmp_path).parts[0].tasks[0].guide == "#6-kl-divergence"
    (tmp_path / "vae.md").write_text(guide.replace("6.", "7."))
    with pytest.raises(ManifestError) as caught:
        load_assignment(tmp_path)
    assert 'line 15: "guide" is "#6-kl-divergence"' in str(caught.value)
    assert 'Did you mean "#7-kl-divergence"?' in str(caught.value)


def test_finding(tmp_path: Path, text: str) -> None:
    with pytest.raises(ManifestError, match="no assignment below"):
        find_assignments(tmp_path)
    for day, part in (("day2_vae", "vae"), ("day3_diffusion", "toy_diffusion")):
        folder = tmp_path / "assignments" / day
        folder.mkdir(parents=True)
        changed = text.replace("day2_vae", day).replace('name = "vae"', f'name = "{part}"')
        (folder / "assignment.toml").write_text(changed)
    found = find_assignments(tmp_path)
    assert [day.day for day in found] == ["day2_vae", "day3_diffusion"]
    assert find_assignments(tmp_path / "assignments/day2_vae")[0].day == "day2_vae"
    assert find_part(found, "toy_diffusion").folder.name == "day3_diffusion"
    with pytest.raises(ManifestError, match='Did you mean "vae"'):
        find_part(found, "vea")
    with pytest.raises(ManifestError, match=r"is a day.*parts are: toy_diffusion"):
        find_part(found, "day3_diffusion")
    with pytest.raises(ManifestError, match="no part"):
        find_part(found, "x" * 10**6)
    (folder / "assignment.toml").write_text(text)
    with pytest.raises(ManifestError, match=r'part "vae" is in .*day2_vae and in .*day3_diffusion'):
        find_assignments(tmp_path)


SIGNS = [*"[]{}=.,'#\"\\\n\r\x00 ", "[[", "]]", "[[part]]\n", "[part.task]\n", "'''", '"""']
WORDS = """part task tests public hidden points name schema day title bonus
1 -1 0x1f 1e400 nan true 1979-05-27 07:32:99"""
PIECES = st.sampled_from(SIGNS + WORDS.split())
JUNK = st.lists(PIECES | st.text(max_size=5), max_size=40).map("".join)


@settings(max_examples=150, deadline=2000, suppress_health_check=list(HealthCheck))
@given(junk=JUNK, start=st.integers(0, 900), cut=st.integers(0, 40))
def test_any_text_is_an_assignment_or_an_error(text: str, junk: str, start: int, cut: int) -> None:
    for source in (junk, text[:start] + junk + text[start + cut :]):
        try:
            day = parse_assignment(source, HERE)
        except ManifestError as error:
            assert "nowhere/assignment.toml, line " in str(error)
            assert clean(str(error), 10**4) == str(error)
        else:
            assert day.parts
