"""The guides: each is a notebook of its own name, and runs with the reference as it stands."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import nbformat
import psutil
import pytest

from grading.scoring import find_assignments
from lab import data, guides
from lab.errors import DataError, StorageError
from lab.guides import Guide, GuideError, Ran

ROOT = Path(__file__).resolve().parents[1]
GUIDES = guides.find(ROOT)
SOLUTIONS = {part.name: part.solution for a in find_assignments(ROOT) for part in a.parts}
COURSE = [guide for guide in GUIDES if guide.part in SOLUTIONS]
each_guide = pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.part)
each_part = pytest.mark.parametrize("guide", COURSE, ids=lambda guide: guide.part)

# The name of each notebook, how many pictures it draws, and whether it opens MNIST.
NOTEBOOKS = {
    "autoencoder": ("00_autoencoder_practical", 7, True),
    "vae": ("01_VAE_practical", 8, True),
    "hierarchical_vae": ("02_hierarchical_VAE_practical", 6, True),
    "training": ("02b_training_tools_practical", 2, True),
    "toy_diffusion": ("03_toy_diffusion_practical", 8, False),
    "image_diffusion": ("04_image_diffusion_practical", 9, True),
    "discrete_diffusion": ("05_discrete_diffusion_practical", 3, False),
    "review": ("06_review", 0, False),
}


# ---------------------------------------------------------------- the guides run


@each_part
def test_a_guide_runs_with_the_reference_and_the_small_data(
    guide: Guide, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LATENT_WEEK_DATA", str(tmp_path))
    ran = guides.run(guide, SOLUTIONS[guide.part], 110, quick=True)
    holds_up(ran)
    assert ("mnist-small: 3,000" in ran.printed) == NOTEBOOKS[guide.part][2]
    assert not list(tmp_path.iterdir()), "something was fetched"


def holds_up(ran: Ran) -> None:
    sizes = [len(png) for png in ran.pictures]
    assert len(sizes) == NOTEBOOKS[ran.guide.part][1], sizes
    assert all(png.startswith(b"\x89PNG") and len(png) > 3000 for png in ran.pictures)
    assert "Skipped for now" not in ran.printed  # a missing name would hide there
    for cell in ran.notebook.cells:
        for output in cell.get("outputs", []):
            assert output.get("name") != "stderr" or "Warning" not in output.text, output.text


def numbers(ran: Ran, line: str) -> list[float]:
    """The numbers in the first printed line that begins so, after its beginning."""
    for printed in ran.printed.splitlines():
        if printed.startswith(line):
            return [float(n) for n in re.findall(r"-?\d+\.?\d*", printed[len(line) :])]
    raise AssertionError(f"no line begins with {line!r}:\n{ran.printed}")


def claims_of_autoencoder(ran: Ran, small: bool) -> None:
    masked, copied, repaired = (
        numbers(ran, name)[0] for name in ("masked input", "model that copies", "model that rep")
    )
    assert repaired > masked + 4
    assert copied < repaired - 3
    assert 88 < numbers(ran, f"mask 0.5: epoch {40 if small else 8:2d}")[0] < 97


def claims_of_vae(ran: Ran, small: bool) -> None:
    assert 550 < numbers(ran, "untrained: -ELBO")[0] < 557
    bound, recon, kl = numbers(ran, f"epoch {60 if small else 5:2d}: -ELBO")
    assert bound == pytest.approx(122.4 if small else 114.7, abs=2)
    assert bound == pytest.approx(recon + kl, abs=0.02)
    assert 15 < kl < 19
    assert len(re.findall(r"^epoch", ran.printed, re.MULTILINE)) == 10


def claims_of_hierarchical_vae(ran: Ran, small: bool) -> None:
    fields = ("bound", "recon", "z1", "kl1", "z2", "kl2", "in", "active", "of")
    naive, warm, cured = (
        dict(zip(fields, numbers(ran, name), strict=True))
        for name in ("naive", "warm-up", "+ free bits")
    )
    assert naive["kl2"] < 0.1 and naive["active"] <= 1  # dead
    assert warm["kl2"] > 0.3 and warm["active"] >= 1
    assert cured["kl2"] > 3 and cured["active"] == 8  # alive
    assert numbers(ran, "one layer    -ELBO")[0] == pytest.approx(naive["bound"], abs=1)
    by_chance, named = (
        float(re.findall(rf"{name} +digit read off z2: (.*?) ", ran.printed)[0])
        for name in ("naive", r"\+ free bits")
    )
    assert by_chance < 0.16 and named > 0.4


def claims_of_training(ran: Ran, small: bool) -> None:
    rows = {
        name: re.search(
            rf"^{name} +\{{'recon': (.*?),.* active +(\d+)/16 +(.*)$", ran.printed, re.M
        )
        for name in ("plain", "beta 12", "beta 30", "beta 30, free bits", "lr 0.1")
    }
    recon = {name: float(row[1]) for name, row in rows.items() if row}
    active = {name: int(row[2]) for name, row in rows.items() if row}
    named = {name: row[3] for name, row in rows.items() if row}
    assert active["plain"] == 16 and named["plain"] == "[]"
    assert 1 < active["beta 12"] < 12 and named["beta 12"] == "[]"
    assert active["beta 30"] == 0 and "posterior_collapse" in named["beta 30"]
    assert active["beta 30, free bits"] == 16
    assert recon["beta 30"] - recon["beta 30, free bits"] > 30
    assert "exploding_variance" in named["lr 0.1"]
    bounds = [numbers(ran, f"K = {samples:2d}: last weights") for samples in (1, 5, 50)]
    assert bounds[0] < bounds[1] < bounds[2]
    assert 3 < bounds[2][0] - bounds[0][0] < 7
    assert 0.3 < bounds[0][1] - bounds[0][0] < 2


def claims_of_toy_diffusion(ran: Ran, small: bool) -> None:
    assert numbers(ran, "samples     energy distance")[0] < 0.005
    assert numbers(ran, "samples     energy distance")[1] < 6
    assert numbers(ran, "N(0, I)     energy distance")[0] > 0.03
    assert 0.27 < float(re.findall(r" s, loss (.*)", ran.printed)[0]) < 0.33


def claims_of_image_diffusion(ran: Ran, small: bool) -> None:
    real, gaussian, noise, samples = (
        numbers(ran, name)[0] for name in ("test images", "Gaussian", "noise", "samples")
    )
    assert noise < gaussian < samples < real
    assert min(numbers(ran, "digits 0 to 9:")[:10]) > 0
    assert numbers(ran, "step  3000   loss")[0] < 0.11


def claims_of_discrete_diffusion(ran: Ran, small: bool) -> None:
    unigram = numbers(ran, "letters guessed one by one")[0]
    assert 1.26 < numbers(ran, "your model, at most")[0] < 1.35 < unigram
    assert int(re.findall(r"  model (\d+)%", ran.printed)[0]) > 65


def claims_of_review(ran: Ran, small: bool) -> None:
    closed, *_, drawn = numbers(ran, "closed form")
    assert closed == pytest.approx(drawn, rel=0.02)
    assert ran.printed.rstrip().endswith("[0.25, 0.51, 0.75, 1.0] for t = 0 ... 3")


@pytest.mark.full_guides
@pytest.mark.timeout(900)
@pytest.mark.parametrize("small", [True, False], ids=["subset", "mnist"])
@each_part
def test_a_guide_keeps_its_promises_in_full(
    guide: Guide, small: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if small:
        monkeypatch.setenv("LATENT_WEEK_DATA", str(tmp_path))
    elif not NOTEBOOKS[guide.part][2]:
        pytest.skip("opens no data set")
    else:
        try:
            data.load("mnist")
        except DataError as error:
            pytest.skip(str(error))
    ran = guides.run(guide, SOLUTIONS[guide.part], 800)
    print(f"{guide.part}: {ran.seconds:.0f} s\n{ran.printed}")
    holds_up(ran)
    claims: Callable[[Ran, bool], None] = globals()[f"claims_of_{guide.part}"]
    claims(ran, small)


def test_a_guide_stops_where_the_student_has_not_written_anything() -> None:
    vae = next(guide for guide in COURSE if guide.part == "vae")
    with pytest.raises(GuideError) as caught:
        guides.run(vae, vae.folder / "student" / "vae.py", 60, quick=True)
    told = str(caught.value)
    assert re.match(r"The guide vae stops in code cell \d+ \(`def checkpoint_a", told), told
    assert "NotImplementedError" in told
    assert "\n" not in told


@pytest.mark.parametrize("guide", [g for g in COURSE if NOTEBOOKS[g.part][2]], ids=lambda g: g.part)
def test_the_data_cell_says_what_to_do_without_the_lab(
    guide: Guide, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = [cell.source for cell in guides.convert(guide).cells if "from lab" in cell.source]
    assert len(cells) == 1
    monkeypatch.setitem(sys.modules, "lab", None)
    with pytest.raises(RuntimeError, match="make install-notebooks"):
        exec(cells[0], {})


# ---------------------------------------------------------------- they become notebooks


def test_the_notebooks_have_the_names_of_the_course() -> None:
    assert {guide.part: guide.notebook for guide in COURSE} == {
        part: name for part, (name, _, _) in NOTEBOOKS.items()
    }
    assert [guide.notebook for guide in COURSE] == sorted(guide.notebook for guide in COURSE)
    assert "03_vae_latent_playground" in {guide.notebook for guide in GUIDES}
    assert set(SOLUTIONS) == set(NOTEBOOKS)


@each_guide
def test_a_guide_becomes_a_valid_notebook_without_outputs(guide: Guide, tmp_path: Path) -> None:
    path = guides.write(guide, tmp_path)
    assert path.name == f"{guide.notebook}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    assert notebook.metadata.language_info.name == "python"
    assert "jupytext" not in notebook.metadata
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code and all(not cell.outputs and cell.execution_count is None for cell in code)
    first = path.read_bytes()
    path.unlink()
    assert guides.write(guide, tmp_path).read_bytes() == first


@each_guide
def test_nothing_of_the_text_is_lost_and_no_block_becomes_a_cell_by_mistake(guide: Guide) -> None:
    text = guide.path.read_text(encoding="utf-8").split("\n---\n", 1)[1]
    cells = guides.convert(guide).cells
    code = [cell.source for cell in cells if cell.cell_type == "code"]
    words = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    fences = re.findall(r"^```python[^\n]*\n(.*?)\n?^```", text, re.DOTALL | re.MULTILINE)
    assert code == [textwrap.dedent(fence) for fence in fences]  # no %%bash among them
    for sign in ("```mermaid", "<details>", "</details>", "$$", "\n|", "```text", "```shell"):
        count = f"\n{text}".count(sign)
        assert sum(f"\n{cell.source}".count(sign) for cell in cells) == count, sign
    assert words.count("```") % 2 == 0
    for cell in cells:  # neither a diagram nor a folded hint is cut in two
        if cell.cell_type == "markdown":
            assert cell.source.count("<details>") == cell.source.count("</details>")
            assert cell.source.count("```") % 2 == 0


# ---------------------------------------------------------------- small guides of our own


HEADER = """---
jupyter:
  jupytext:
    text_representation: {extension: .md, format_name: markdown}
  kernelspec: {display_name: Python 3, language: python, name: python3}
%s---
"""


def make(root: Path, cells: str, keys: str = "", name: str = "small") -> Guide:
    folder = root / "assignments" / "day9_test"
    (folder / "student").mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.md"
    blocks = "\n".join(f"```python\n{cell}\n```\n" for cell in cells.split("\n\n"))
    path.write_text(HEADER % keys + "\n# A guide\n\n" + blocks, encoding="utf-8")
    return guides.read(path)


def test_a_cell_that_raises_is_named(tmp_path: Path) -> None:
    guide = make(tmp_path, "a = 1\n\nprint(a)\n1 / (a - 1)\n\nprint('never')")
    with pytest.raises(GuideError) as caught:
        guides.run(guide, seconds=60)
    assert caught.value.what == (
        "The guide small stops in code cell 2 (`print(a)`): ZeroDivisionError: division by zero."
    )
    assert caught.value.exit_code == 1


@pytest.mark.parametrize("end", ["", "1 / 0"])
def test_no_python_is_left_behind(tmp_path: Path, end: str) -> None:
    guide = make(tmp_path, f"import os\nopen('pid', 'w').write(str(os.getpid()))\n{end}")
    with contextlib.suppress(GuideError):
        guides.run(guide, seconds=60)
    assert not psutil.pid_exists(int((guide.folder / "pid").read_text()))


def test_time_that_is_up_and_a_python_that_dies_are_told(tmp_path: Path) -> None:
    slow = make(tmp_path, "import time\n\ntime.sleep(60)")
    with pytest.raises(GuideError, match=r"code cell 2 .*the 3 seconds for this guide are over"):
        guides.run(slow, seconds=3)
    dead = make(tmp_path, "import os\n\nos._exit(9)", name="dead")
    with pytest.raises(GuideError, match=r"guide dead stops in code cell 2 .*its Python died"):
        guides.run(dead, seconds=60)


@pytest.mark.skipif(os.name != "posix", reason="sends a signal")
def test_ctrl_c_stops_the_guide_and_its_python(tmp_path: Path) -> None:
    guide = make(
        tmp_path, "import os, time\nopen('pid', 'w').write(str(os.getpid()))\ntime.sleep(90)"
    )
    code = "from lab import guides; guides.run(guides.find()[0])"
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    )
    note = guide.folder / "pid"
    while process.poll() is None and not (note.exists() and note.read_text()):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert told.strip().endswith("KeyboardInterrupt"), told
    assert "AssertionError" not in told
    assert not psutil.pid_exists(int(note.read_text()))


def test_a_module_takes_the_student_s_place_in_a_copy(tmp_path: Path) -> None:
    cells = "import sys\nsys.path.insert(0, 'student')\nimport small\n\nprint(small.answer)"
    cells += "\n\nimport os\nprint(os.path.basename(os.getcwd()), os.listdir())"
    guide = make(tmp_path, cells + "\n\nopen('left', 'w').close()")
    student, other = guide.folder / "student" / "small.py", tmp_path / "solution.py"
    student.write_text("answer = 'student'\n")
    other.write_text("answer = 'reference'\n")
    (guide.folder / "instructor").mkdir()
    printed = guides.run(guide, other, 60).printed
    assert printed.startswith("reference\nday9_test ")  # the guides look at the folder's name
    assert "small.md" in printed and "instructor" not in printed
    assert student.read_text() == "answer = 'student'\n"
    assert not (guide.folder / "left").exists()
    assert guides.run(guide, seconds=60).printed.startswith("student\n")
    assert (guide.folder / "left").exists()
    with pytest.raises(GuideError, match="There is no file"):
        guides.run(guide, tmp_path / "none.py")


def test_a_quick_run_sets_the_parameters_and_only_them(tmp_path: Path) -> None:
    guide = make(tmp_path, "print(N)", "  quick: {N: 3}\n")
    text = guide.path.read_text()
    with pytest.raises(GuideError, match="sets N for a quick run, but no cell"):
        guides.run(guide, quick=True)
    tagged = '# A guide\n\n```python tags=["parameters"]\nN = 8  # large\n```\n'
    guide.path.write_text(text.replace("# A guide\n", tagged))
    assert guides.run(guide, seconds=60, quick=True).printed == "3\n"
    guide.path.write_text(guide.path.read_text().replace("print(N)", "print(N)\n1 / 0"))
    with pytest.raises(GuideError, match="stops in code cell 2 "):  # as the student counts
        guides.run(guide, seconds=60, quick=True)


def test_what_a_student_typed_into_a_notebook_is_never_lost(tmp_path: Path) -> None:
    guide = make(tmp_path, "a = 1")
    path = guides.write(guide)
    assert path == guide.folder / "small.ipynb"
    # A run leaves outputs behind: no change.
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[1].outputs = [nbformat.v4.new_output("stream", text="1\n")]
    nbformat.write(notebook, path)
    guides.write(guide)
    assert nbformat.read(path, as_version=4).cells[1].outputs
    # The guide moves on: the notebook that nobody touched follows.
    make(tmp_path, "a = 2")
    guides.write(guide)
    assert nbformat.read(path, as_version=4).cells[1].source == "a = 2"
    # A student types; the guide is as it was.
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[1].source = "a = 2  # my answer"
    nbformat.write(notebook, path)
    guides.write(guide)
    assert "my answer" in path.read_text()
    # Both have changed.
    make(tmp_path, "a = 3")
    with pytest.raises(GuideError, match="holds changes of yours") as caught:
        guides.write(guide)
    assert "Rename" in caught.value.next_step
    assert "my answer" in path.read_text()


@pytest.mark.parametrize("content", ["", "{", '{"cells": []}', "my own notes"])
def test_a_file_that_is_no_notebook_of_ours_stays(tmp_path: Path, content: str) -> None:
    guide = make(tmp_path, "a = 1")
    path = guide.folder / "small.ipynb"
    path.write_text(content)
    with pytest.raises(GuideError, match="holds changes of yours"):
        guides.write(guide)
    assert path.read_text() == content


def test_executing_writes_what_the_cells_print(tmp_path: Path) -> None:
    guide = make(tmp_path, "print(6 * 7)")
    path = guides.write(guide, execute=True)
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert notebook.cells[1].outputs[0].text == "42\n"
    assert notebook.metadata.latent_week.guide == "small.md"


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    guide = make(tmp_path, "a = 1")
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="Cannot write"):
        guides.write(guide, tmp_path / "file")


# ---------------------------------------------------------------- headers


def test_two_notebooks_of_one_name_are_told(tmp_path: Path) -> None:
    make(tmp_path, "a = 1", "  notebook: 07_Same\n", "one")
    make(tmp_path, "a = 1", "  notebook: 07_same\n", "two")
    with pytest.raises(
        GuideError, match=r"(one|two)\.md and .*(two|one)\.md both name their notebook"
    ):
        guides.find(tmp_path)


def test_ordinary_markdown_is_no_guide_and_parts_can_be_chosen(tmp_path: Path) -> None:
    one, two = make(tmp_path, "a = 1", name="one"), make(tmp_path, "a = 1", name="two")
    (one.folder / "README.md").write_text("# Read me\n\n---\njupyter: {notebook: no}\n---\n")
    (one.folder / "other.md").write_text("---\ntitle: for a website\n---\n")
    assert guides.find(tmp_path) == [one, two]
    assert guides.find(tmp_path, ["two"]) == [two]
    assert one.notebook == "one"  # where the header names none
    with pytest.raises(GuideError, match=r"no guide for 'thre'") as caught:
        guides.find(tmp_path, ["thre"])
    assert "one, two" in caught.value.next_step
    with pytest.raises(GuideError, match="no header"):
        guides.read(one.folder / "README.md")


def test_guides_are_found_from_a_folder_inside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    guide = make(tmp_path, "a = 1")
    monkeypatch.chdir(guide.folder / "student")
    assert guides.find() == [guide]
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert guides.find() == [guide]
    with pytest.raises(GuideError, match="There are no guides below"):
        guides.find(tmp_path / "elsewhere")


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ("  notebook: ../../etc/passwd\n", "names its notebook '../../etc/passwd'"),
        ("  notebook: a.ipynb\n", "Use letters"),
        ("  notebook: 7\n", "names its notebook 7"),
        ("  notebook: ''\n", "names its notebook ''"),
        ("  quick: 5\n", "The key `quick`"),
        ("  quick: {N: many}\n", "The key `quick`"),
        ("  quick: {'a b': 1}\n", "The key `quick`"),
        ("  quick: {N: true}\n", "The key `quick`"),
        ("  notebook: [\n", "is not YAML"),
    ],
)
def test_a_header_of_no_use_is_told(tmp_path: Path, keys: str, told: str) -> None:
    with pytest.raises(GuideError, match=re.escape(told)):
        make(tmp_path, "a = 1", keys)


def test_a_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    guide = make(tmp_path, "a = 1")
    guide.path.write_bytes(b"---\n\xff\xfe")
    with pytest.raises(GuideError, match="Cannot read"):
        guides.find(tmp_path)
