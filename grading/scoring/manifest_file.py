"""The text of an `assignment.toml`, checked key by key, with every complaint on its line."""

from __future__ import annotations

import difflib
import re
import stat
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from grading.errors import ManifestError
from grading.scoring.locate import MAX_DEPTH, Key, Locations, TooDeepError, locate
from grading.scoring.text import clean, show

SCHEMA = "latent-week/assignment/1"
MAX_BYTES = 1 << 20

Title = Annotated[str, Field(min_length=1, max_length=120)]
Name = Annotated[str, Field(min_length=1, max_length=100)]
Weight = Annotated[int, Field(ge=1, le=100)]


class _Table(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class LimitsTable(_Table):
    """`[part.limits]`."""

    test_seconds: Annotated[int, Field(ge=1, le=600)] = 10
    memory_mb: Annotated[int, Field(ge=128, le=65536)] = 1024


class TestsTable(_Table):
    """`[part.task.tests]`: function name = weight."""

    __test__ = False

    public: dict[str, Weight] = {}
    hidden: dict[str, Weight] = {}


class TaskTable(_Table):
    """`[[part.task]]`."""

    name: Name
    function: Annotated[list[Name], Field(max_length=20)] = []
    title: Title
    guide: Annotated[str, Field(min_length=2, max_length=200)]
    points: Annotated[int, Field(ge=1, le=100)]
    bonus: bool = False
    minutes: Annotated[int, Field(ge=1, le=600)] | None = None
    tests: TestsTable

    @field_validator("function", mode="before")
    @classmethod
    def _one_or_several(cls, value: object) -> object:
        return [value] if isinstance(value, str) else value


class PartTable(_Table):
    """`[[part]]`."""

    name: Name
    title: Title
    limits: LimitsTable = LimitsTable()
    task: Annotated[list[TaskTable], Field(min_length=1, max_length=200)]


class AssignmentTable(_Table):
    """The whole file."""

    # "schema" would hide a method of BaseModel.
    version: Literal["latent-week/assignment/1"] = Field(alias="schema")
    day: Name
    title: Title
    part: Annotated[list[PartTable], Field(min_length=1, max_length=50)]


@dataclass(frozen=True)
class Source:
    """One file's text, and where its keys stand."""

    where: str
    locations: Locations

    def error(self, key: Key, what: str, next_step: str = "") -> ManifestError:
        """The error to raise about `key`; `what` is a clause without a final stop."""
        return ManifestError(f"{self.where}, line {self.locations.line(key)}: {what}.", next_step)


def read_source(path: Path) -> str:
    """The text of an `assignment.toml`.

    Raises:
        ManifestError: it is missing, not a file, unreadable, larger than 1 MiB, or not plain UTF-8.
    """
    where = clean(str(path), 300)
    try:
        # A pipe would block for ever and a device never end, so look before opening.
        if not stat.S_ISREG(path.stat().st_mode):
            raise ManifestError(f"{where} is not a file.", "Name an assignment.toml.")
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise ManifestError(f"{where} does not exist.", "Check the path.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ManifestError(f"{where} cannot be read: {reason}.", "Check the path.") from None
    if len(data) > MAX_BYTES:
        raise ManifestError(f"{where} is larger than 1 MiB.", "Is it the right file?")
    if data.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        raise ManifestError(
            f"{where}, line 1: the file starts with a byte order mark.",
            "Save it as UTF-8 without BOM.",
        )
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ManifestError(
            f"{where}, line {line}: byte 0x{data[error.start]:02x} is not UTF-8.",
            "Save the file as UTF-8.",
        ) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise ManifestError(f"{where}, line {line}: the file holds a NUL.", "Remove it.")
    return text


def parse(text: str, where: str) -> tuple[AssignmentTable, Source]:
    """The tables of a manifest's text; their shape and types are right, their meaning is unchecked.

    Raises:
        ManifestError: on anything else, naming `where`, the line and the key.
    """
    source, data = _toml(text, clean(where, 300))
    if data.get("schema", SCHEMA) != SCHEMA:
        what = f'"schema" is {show(data["schema"])}'
        raise source.error(("schema",), what, f'This grader reads "{SCHEMA}".')
    try:
        return AssignmentTable.model_validate(data), source
    except ValidationError as error:
        # What is misspelled also counts as missing: name the spelling first.
        problems = error.errors(include_url=False)
        problems.sort(key=lambda p: (p["type"] == "missing", source.locations.line(p["loc"])))
        raise _told(problems[0], source) from None


def nearest(word: str, choices: Iterable[str]) -> str:
    """ "Did you mean …?" or nothing."""
    # difflib is quadratic in the word.
    close = difflib.get_close_matches(word[:64], list(choices)[:500], n=1)
    return f"Did you mean {show(close[0])}?" if close else ""


def _toml(text: str, where: str) -> tuple[Source, dict[str, Any]]:
    # tomllib takes quadratic time over a key of 10^5 dots, so the depth is judged before.
    try:
        source = Source(where, locate(text))
    except TooDeepError as error:
        raise ManifestError(
            f"{where}, line {error.line}: the key nests more than {MAX_DEPTH} deep.",
            "Compare with another day's assignment.toml.",
        ) from None
    try:
        return source, tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise _not_toml(text, where, error) from None


def _not_toml(text: str, where: str, error: Exception) -> ManifestError:
    message = str(error)
    found = re.search(r"\(at line (\d+), column \d+\)", message)
    lines = text.split("\n")
    if found:
        line = int(found[1])
    elif "end of document" in message:
        line = len(lines)
    else:
        # int() refuses more digits than a CPU can stand, without saying where.
        digits = re.search(r"[0-9_]{4000}", text)
        line = text.count("\n", 0, digits.start()) + 1 if digits else 1
        message = "an integer has thousands of digits" if digits else message
    reason = clean(re.sub(r"\s*\(at [^)]*\)", "", message), 120)
    quoted = clean(lines[line - 1], 60) if line <= len(lines) else ""
    beside = f" in `{quoted}`" if quoted else ""
    return ManifestError(
        f"{where}, line {line}: not TOML{beside}: {reason[:1].lower()}{reason[1:]}.",
        "Correct that line.",
    )


_KINDS = {
    "int_type": "an integer",
    "string_type": "a string",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
}
_MODELS: dict[tuple[str, ...], type[_Table]] = {
    (): AssignmentTable,
    ("part",): PartTable,
    ("part", "limits"): LimitsTable,
    ("part", "task"): TaskTable,
    ("part", "task", "tests"): TestsTable,
}


def _told(problem: Any, source: Source) -> ManifestError:
    """One of pydantic's problems as a sentence."""
    loc: Key = tuple(problem["loc"])
    names = tuple(part for part in loc if isinstance(part, str) and part != "[key]")
    key = show(names[-1] if names else "", 60)
    kind, context = problem["type"], problem.get("ctx", {})
    if kind == "extra_forbidden":
        known = [f.alias or n for n, f in _MODELS[names[:-1]].model_fields.items()]
        help_ = nearest(names[-1], known) or f"Known here: {', '.join(known)}."
        return source.error(loc, f"unknown key {key} in {_table(names[:-1])}", help_)
    if kind == "missing":
        what = f"the key {key} is missing in {_table(names[:-1])}"
        return source.error(loc[:-1], what, "Add it.")
    value = show(problem["input"])
    if kind == "list_type" and isinstance(problem["input"], dict):
        inside = ".".join(names)
        return source.error(loc, f"{key} is one table", f"Write [[{inside}]], in double brackets.")
    if kind in _KINDS:
        return source.error(loc, f"{key} must be {_KINDS[kind]}, not {value}", "Correct it.")
    for bound, word in (("ge", "at least"), ("le", "at most")):
        if bound in context:
            return source.error(loc, f"{key} must be {word} {context[bound]}, not {value}")
    if kind in ("too_short", "string_too_short"):
        return source.error(loc, f"{key} is empty", "Fill it in.")
    if kind in ("too_long", "string_too_long"):
        return source.error(loc, f"{key} is longer than {context['max_length']}", "Shorten it.")
    return source.error(
        loc, f"{key} is not right: {clean(str(problem['msg']), 120)}", "Correct it."
    )


def _table(names: tuple[str, ...]) -> str:
    if not names:
        return "the file"
    double = names[-1] in ("part", "task")
    return f"[[{'.'.join(names)}]]" if double else f"[{'.'.join(names)}]"
