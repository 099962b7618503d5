"""A report file is either the old one or the whole new one, never half of it."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from pydantic import ValidationError

from grading.errors import UsageError
from grading.scoring.report import SCHEMA, Report, report_schema_text
from grading.scoring.text import clean

SCHEMA_FILE = Path(__file__).with_name("report.schema.json")
MAX_BYTES = 32 << 20


def to_json(report: Report) -> str:
    """The report as JSON text; ends in a line break."""
    return report.model_dump_json(indent=2) + "\n"


def write_text(text: str, path: Path | str) -> None:
    """Writes a file in one step; missing folders are made.

    Raises:
        UsageError: the place cannot be written to.
    """
    path = Path(path)
    data = text.encode("utf-8")
    try:
        if path.exists() and not path.is_file():
            # /dev/stdout or a pipe must be written to, not replaced.
            with path.open("wb") as file:
                file.write(data)
            return
        path = path.resolve()
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, data)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{clean(str(path), 300)} cannot be written: {_reason(error)}.",
            "Choose another place.",
        ) from None


def write_json(report: Report, path: Path | str) -> None:
    """Writes a report in one step.

    Raises:
        UsageError: the place cannot be written to.
    """
    write_text(to_json(report), path)


def read_json(path: Path | str) -> Report:
    """Reads a report that `write_json` wrote.

    Raises:
        UsageError: it cannot be read, or is not a report of this version, or contradicts itself.
    """
    path = Path(path)
    where = clean(str(path), 300)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise UsageError(f"{where} cannot be read: {_reason(error)}.", "Check the path.") from None
    if len(data) > MAX_BYTES:
        raise UsageError(f"{where} is larger than {MAX_BYTES >> 20} MiB.", "Is it a report?")
    try:
        return Report.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        at = ".".join(str(part) for part in first["loc"])
        why = clean(f"{at}: {first['msg']}" if at else first["msg"], 300)
        raise UsageError(
            f"{where} is not a report ({SCHEMA}): {why}.", "Grade again to make a new one."
        ) from None


def publish_schema(path: Path | str = SCHEMA_FILE) -> None:
    """Writes the JSON schema of a report, made from the models."""
    write_text(report_schema_text(), path)


def _replace(path: Path, data: bytes) -> None:
    handle, name = tempfile.mkstemp(prefix=f".{path.name[:40]}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes it private; a report is as readable as any file written here.
        mask = os.umask(0)
        os.umask(mask)
        Path(name).chmod(0o666 & ~mask)
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or clean(str(error), 200)
