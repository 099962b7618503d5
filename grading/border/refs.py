"""Numbers for things that stay on one side, and when they may be forgotten.

The two ends take strict turns. So a release that was not sent yet can be taken back when the same
number comes in again, and no counting is needed.
"""

from __future__ import annotations

import itertools
import weakref
from dataclasses import dataclass
from typing import Any

from .errors import ProtocolError


@dataclass(slots=True)
class Entry:
    """A thing of ours that the other end may name.

    `kind` is `leaf`, `param`, `output`, `object` or `callable`.
    """

    kind: str
    thing: Any
    extra: Any = None


class Exports:
    """Our things by number."""

    def __init__(self, first: int) -> None:
        self._numbers = itertools.count(first, 2)
        self._entries: dict[int, Entry] = {}
        self._by_identity: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, kind: str, thing: Any, extra: Any = None) -> int:
        """A new number for a thing, whether or not it has one."""
        number = next(self._numbers)
        self._entries[number] = Entry(kind, thing, extra)
        return number

    def share(self, kind: str, thing: Any) -> tuple[int, bool]:
        """The thing's one number, and whether it is new."""
        number = self._by_identity.get(id(thing))
        if number is not None:
            return number, False
        number = self.add(kind, thing)
        self._by_identity[id(thing)] = number
        return number, True

    def known(self, thing: Any) -> int | None:
        """The number under which a thing is shared, if it is."""
        return self._by_identity.get(id(thing))

    def get(self, number: Any, *kinds: str) -> Entry:
        """The entry of a number that the other end named; ProtocolError if it may not name it."""
        entry = self._entries.get(number) if type(number) is int else None
        if entry is None or entry.kind not in kinds:
            raise ProtocolError("unknown number")
        return entry

    def entries(self, kind: str) -> list[tuple[int, Entry]]:
        """All entries of a kind."""
        return [(n, e) for n, e in self._entries.items() if e.kind == kind]

    def forget(self, numbers: Any) -> None:
        """Drop what the other end released, or what was never sent."""
        if type(numbers) is not list:
            raise ProtocolError("bad release")
        for number in numbers:
            if type(number) is not int:
                raise ProtocolError("bad release")
            entry = self._entries.pop(number, None)
            if entry is not None and self._by_identity.get(id(entry.thing)) == number:
                del self._by_identity[id(entry.thing)]


class Releases:
    """Numbers of the other end's things that died here since the last message."""

    def __init__(self) -> None:
        self._pending: dict[int, None] = {}

    def add(self, number: int) -> None:
        self._pending[number] = None

    def withdraw(self, number: int) -> None:
        """The number came in again before its release was sent."""
        self._pending.pop(number, None)

    def take(self) -> list[int]:
        """What is to be told with this message."""
        taken, self._pending = list(self._pending), {}
        return taken


class Token:
    """Lives as long as what holds it; then the other end may forget the number.

    Copies of the holder get an inert token.
    """

    __slots__ = ("__weakref__", "number", "releases")

    def __init__(self, number: int, releases: Releases | None) -> None:
        self.number = number
        self.releases = releases

    def __del__(self) -> None:
        if self.releases is not None:
            self.releases.add(self.number)

    def __deepcopy__(self, memo: Any) -> None:
        return None

    def __reduce__(self) -> Any:
        return (type(None), ())


class Imports:
    """The other end's things that live here as stand-ins, by number."""

    def __init__(self, releases: Releases) -> None:
        self._alive: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()
        self._releases = releases

    def __len__(self) -> int:
        return len(self._alive)

    def get(self, number: int) -> Any:
        """The stand-in, or None."""
        return self._alive.get(number)

    def put(self, number: int, thing: Any) -> Any:
        """Note a new stand-in; its death releases the number."""
        self._releases.withdraw(number)
        self._alive[number] = thing
        weakref.finalize(thing, self._releases.add, number).atexit = False
        return thing
