"""A report is closed, adds up, survives a round trip, and holds no character that does harm."""

from __future__ import annotations

import json
import os
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from grading.errors import UsageError
from grading.scoring import (
    Generator,
    Part,
    RawResult,
    Report,
    changes,
    make_report,
    next_task,
    read_json,
    report_schema,
    score_part,
    to_json,
    ungraded_part,
    weakest,
    write_json,
)
from grading.scoring.report import report_schema_text
from grading.scoring.report_file import SCHEMA_FILE
from grading.scoring.text import clean


@pytest.fixture
def report(part: Part) -> Report:
    raw = [
        RawResult("test_vae.py", "test_kl_at_prior_is_zero", "", "passed", 0.1),
        RawResult(
            "test_hidden.py", "test_kl_gradient", "", "failed", 0.2, "boom\nat line 3",
            {"symptom": "σ", "misconception": {"slug": "a", "says": "b"}},
        ),
    ]  # fmt: skip
    return make_report(
        [score_part(part, raw, isolation="L3")], "5f", Generator(version="0.1", torch="2.8")
    )


def test_round_trip(report: Report, tmp_path: Path) -> None:
    file = tmp_path / "new" / "report.json"
    write_json(report, file)
    write_json(report, file)
    assert read_json(file) == report
    assert [p.name for p in file.parent.iterdir()] == ["report.json"]
    data = json.loads(file.read_text("utf-8"))
    assert data["schema"] == "latent-week/report/1"
    assert set(data) == {"schema", "isolation", "seed", "generator", "parts"}
    test = data["parts"][0]["tasks"][0]["tests"][1]
    assert set(test) == {
        "id", "visibility", "status", "points", "max_points", "message", "duration_s", "symptom",
        "got", "expected", "call", "misconception", "not_implemented",
    }  # fmt: skip
    assert test["id"] == "test_hidden.py::test_kl_gradient"


def test_failed_write_leaves_the_old_file(
    report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "report.json"
    file.write_text("old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(UsageError, match="No space left"):
        write_json(report, file)
    assert file.read_text() == "old" and len(list(tmp_path.iterdir())) == 1


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes on this system")
def test_a_pipe_is_written_to_and_stays(report: Report, tmp_path: Path) -> None:
    # A pipe of its own: with broken code, a test as root on a real device would destroy it.
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_json(report, pipe)
        assert os.read(reader, 1 << 16).decode("utf-8") == to_json(report)
        assert pipe.is_fifo()
    finally:
        os.close(reader)


def test_write_to_a_bad_place(report: Report, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for place in (tmp_path / "file" / "x.json", tmp_path / "a\0b", tmp_path):
        with pytest.raises(UsageError, match="cannot be written"):
            write_json(report, place)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda d: d.update(schema="latent-week/report/2"),
        lambda d: d.update(extra=1),
        lambda d: d.update(seed="xyz"),
        lambda d: d.update(isolation="L2"),
        lambda d: d.pop("parts"),
        lambda d: d["parts"][0].update(score=100),
        lambda d: d["parts"][0].update(score=20.0),
        lambda d: d["parts"][0].update(score=True),
        lambda d: d["parts"][0].update(bonus=5),
        lambda d: d["parts"][0].update(status="fine"),
        lambda d: d["parts"][0]["tasks"][0].update(points=60),
        lambda d: d["parts"][0]["tasks"][0]["tests"][1].update(points=40),
        lambda d: d["parts"][0]["tasks"][0]["tests"][1].update(status="passed"),
        lambda d: d["parts"][0]["tasks"][0]["tests"][1].update(status="skipped"),
        lambda d: d["parts"][0]["tasks"][0]["tests"][0].update(points=-20),
        lambda d: d["parts"][0]["tasks"][0]["tests"][1].update(max_points=39),
        lambda d: d["parts"][0]["tasks"][0]["tests"].pop(),
    ],
)
def test_a_changed_report_is_refused(report: Report, tmp_path: Path, spoil: Any) -> None:
    data = json.loads(to_json(report))
    spoil(data)
    file = tmp_path / "r.json"
    file.write_text(json.dumps(data))
    with pytest.raises(UsageError, match="is not a report"):
        read_json(file)


@pytest.mark.parametrize("text", ["", "{", "[]", "[" * 10**5, '{"seed": ' + "9" * 10**4, "\ud800"])
def test_not_a_report(tmp_path: Path, text: str) -> None:
    (tmp_path / "r.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(UsageError, match="is not a report"):
        read_json(tmp_path / "r.json")
    with pytest.raises(UsageError, match="cannot be read"):
        read_json(tmp_path)


def test_published_schema() -> None:
    assert SCHEMA_FILE.read_text("utf-8") == report_schema_text(), (
        "Run: python -c 'from grading.scoring import publish_schema; publish_schema()'"
    )
    schema = report_schema()
    assert schema["additionalProperties"] is False
    assert all(model["additionalProperties"] is False for model in schema["$defs"].values())
    assert "schema" in schema["required"]


def test_schema_accepts_a_report(report: Report) -> None:
    import jsonschema

    jsonschema.validate(json.loads(to_json(report)), report_schema())


def test_next_and_changes(report: Report, part: Part) -> None:
    found = next_task(report)
    assert found is not None and found[1].task == "kl_divergence"
    earlier = make_report([ungraded_part(part, "missing_file", "")], "1", Generator(version="0"))
    assert changes(earlier, report) == [("kl_divergence", 20)]
    assert changes(report, earlier) == [("kl_divergence", -20)]
    assert changes(report, report) == []


def test_next_prefers_what_is_begun(part: Part) -> None:
    raw = [
        RawResult("test_vae.py", name, "", "failed", detail={"not_implemented": begun})
        for name, begun in (("test_kl_at_prior_is_zero", True), ("test_shapes", False))
    ]
    raw.append(
        RawResult(
            "test_hidden.py", "test_kl_gradient", "", "failed", detail={"not_implemented": True}
        )
    )
    report = make_report([score_part(part, raw, isolation="L3")], "1", Generator(version="0"))
    found = next_task(report)
    assert found is not None and found[1].task == "coder"


def test_weakest() -> None:
    assert weakest(["L3", "L1", "none"]) == "L1"
    assert weakest(["none"]) == weakest([]) == "none"
    assert weakest(["L3", "L0"]) == "L0"


def test_strict_models() -> None:
    with pytest.raises(ValidationError):
        Generator(version=1)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("dirty", "good"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07x\x1b]8;;http://e\x1b\\y", "xy"),
        ("\x9b2Jx\x1bcy\x1b(Bz", "xyz"),
        ("a\u202eb\u2066c\u200bd\ufeff", "abcd"),
        ("a\x00\x07\x08\ud800\uffff\U0010ffffb", "ab"),
        ("a\r\nb\rc\u2028d\x85e", "a b c d e"),
        ("  μ − σ² 漢字 🎉 é ", "μ − σ² 漢字 🎉 é"),
        ("\x1b", ""),
        ("\x1b[", ""),
    ],
)
def test_clean(dirty: str, good: str) -> None:
    assert clean(dirty, 100) == good


def test_clean_blocks_and_caps() -> None:
    assert clean("\n  a\r\n\tb \n\n", 100, multiline=True) == "  a\n\tb"
    assert clean("abcdef", 4) == "abc…"
    assert len(clean("\x1b[0m" * 10**6 + "x" * 10**6, 50)) <= 50


@given(st.text(st.characters(), max_size=60), st.integers(1, 30), st.booleans())
def test_clean_is_final(text: str, cap: int, multiline: bool) -> None:
    once = clean(text, cap, multiline=multiline)
    assert clean(once, cap, multiline=multiline) == once and len(once) <= cap
    bad = {c for c in once if unicodedata.category(c) in {"Cc", "Cf", "Cs"}}
    assert bad <= ({"\n", "\t"} if multiline else set())
