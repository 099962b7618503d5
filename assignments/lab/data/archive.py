"""Reads archives through an allow-list, so that no name inside one decides where bytes go."""

from __future__ import annotations

import gzip
import tarfile
import zlib
from collections.abc import Mapping
from pathlib import Path


class Undecodable(Exception):
    """A downloaded file does not hold what it should; one clause that says how."""


def members(path: Path, wanted: Mapping[str, int]) -> dict[str, bytes]:
    """Read some files of a `.tar.gz` into memory; nothing is extracted.

    Args:
        path: the archive.
        wanted: full names inside it, and how many bytes each may have at most.

    Raises:
        Undecodable: one is missing, larger than allowed or no plain file, or the archive is cut.
    """
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                if member.name not in wanted or member.name in found:
                    continue
                if not member.isreg() or member.size > wanted[member.name]:
                    raise Undecodable(f"{member.name} in {path.name} is not what it should be")
                file = archive.extractfile(member)
                assert file is not None  # it is a plain file
                found[member.name] = file.read()
                if len(found) == len(wanted):
                    break
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise Undecodable(f"{path.name} cannot be unpacked ({error})") from None
    missing = sorted(set(wanted) - set(found))
    if missing:
        raise Undecodable(f"{path.name} lacks {missing[0]}")
    return found


def gunzip(path: Path, limit: int) -> bytes:
    """Unpack a `.gz` file of at most `limit` bytes inside.

    Raises:
        Undecodable: it holds more, or is cut short or altered.
    """
    try:
        with gzip.open(path) as file:
            data = file.read(limit + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise Undecodable(f"{path.name} cannot be unpacked ({error})") from None
    if len(data) > limit:
        raise Undecodable(f"{path.name} holds more than {limit:,} bytes")
    return data
