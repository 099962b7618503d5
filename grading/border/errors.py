"""What can go wrong at the border, and how an exception crosses it as plain data."""

from __future__ import annotations

import builtins
import keyword
import linecache
import traceback
from pathlib import Path
from typing import Any, TypeGuard

MAX_MESSAGE = 4000
MAX_FRAMES = 20
MAX_SOURCE = 300
_MAX_CLASSES = 256
_HIDDEN = {0x200B, 0x200E, 0x200F, 0x2028, 0x2029, 0xFEFF, *range(0x202A, 0x202F)}
_HIDDEN |= set(range(0x2066, 0x206A))
_classes: dict[tuple[str, type], type[StudentError]] = {}


class ProtocolError(RuntimeError):
    """A frame that is not exactly right."""


class PeerGone(RuntimeError):
    """The other end closed the channel, or it broke."""


class DeadlinePassed(PeerGone):
    """The time limit passed while waiting for the other end."""


class Unsendable(TypeError):
    """A value that cannot cross the border; on the judge's side the test's own mistake."""


class WorkerDied(Exception):
    """The worker is gone; every later call on its session says so again.

    Args:
        kind: `timeout`, `memory`, `signal`, `exit` or `protocol`; `late` where none was started,
            since its time had run out.
        message: one sentence for the report.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message


class StudentError(Exception):
    """An exception raised by the student's code.

    `pytest.raises(ValueError)` catches it where the student's code raised a ValueError.

    Attributes:
        type_name: name of the student's exception class.
        message: its text, capped, without control characters; also `str(error)`.
        frames: `(line, function, source line)` in the student's own file, outermost first.
    """

    type_name = "Exception"
    message = ""
    frames: tuple[tuple[int, str, str], ...] = ()
    origin: int | None = None

    def __init__(
        self,
        message: str = "",
        type_name: str = "Exception",
        frames: tuple[tuple[int, str, str], ...] = (),
    ) -> None:
        self.args = (message,)
        self.message = message
        self.type_name = type_name
        self.frames = frames

    def __str__(self) -> str:
        return self.message

    def where(self) -> str:
        """Innermost place in the student's file, e.g. `line 42, in kl_divergence`; or ''."""
        if not self.frames:
            return ""
        line, function, _ = self.frames[-1]
        return f"line {line}, in {function}"


class InputChanged(StudentError):
    """The student's function changed an argument in place that it had to leave alone.

    Args:
        places: which, by number from 0 or by name; of a list or a layer "1.0" or "net.weight".
    """

    def __init__(self, function: str, places: list[str]) -> None:
        names = ", ".join(map(_place, places))
        super().__init__(
            f"{function} changed its input in place ({names}). "
            "Compute a new tensor instead of `x[...] =` or methods that end in an underscore.",
            "InputChanged",
        )
        self.places = places


_ORDINALS = ("first", "second", "third", "fourth", "fifth")


def _place(place: str) -> str:
    """In words: `the first argument`, `x[0]`, `net.weight`."""
    head, _, rest = place.partition(".")
    if head.isdecimal():
        number = int(head)
        known = number < len(_ORDINALS)
        head = f"the {_ORDINALS[number]} argument" if known else f"argument number {number + 1}"
        rest = f", at [{rest}]" if rest.isdecimal() else f", its {rest}" if rest else ""
        return head + rest
    return f"{head}[{rest}]" if rest.isdecimal() else place


def safe_text(text: object, cap: int = MAX_MESSAGE) -> str:
    """Text fit for a terminal and a report: capped, control characters escaped, never raising."""
    try:
        whole = text if type(text) is str else str.__str__(text) if isinstance(text, str) else ""
        cut = whole[:cap]
    except BaseException:
        return ""
    shown = "".join(c if _printable(c) else _escaped(c) for c in cut)
    return shown + (" […]" if len(whole) > cap else "")


def one_line(text: object, cap: int) -> str:
    """`safe_text` without line breaks: a name may hold them, and draw lines of its own."""
    return " ".join(safe_text(text, cap).split())


def _printable(char: str) -> bool:
    code = ord(char)
    if code < 0x7F:
        return code >= 0x20 or char in "\n\t"
    return code >= 0xA0 and not 0xD800 <= code <= 0xDFFF and code not in _HIDDEN


def _escaped(char: str) -> str:
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def describe(error: BaseException, own_file: str) -> dict[str, Any]:
    """An exception as plain data, whatever its class does to its text and its name."""
    try:
        message = str(error)
    except BaseException:
        message = "(the exception's text could not be read)"
    try:
        mro = [safe_text(type.__dict__["__name__"].__get__(c), 100) for c in type(error).__mro__]
    except BaseException:
        mro = ["Exception"]
    return {
        "type": mro[0],
        "mro": mro[:MAX_FRAMES],
        "message": safe_text(message),
        "frames": [list(frame) for frame in own_frames(error, own_file)],
        "origin": _origin_of(error),
    }


def _origin_of(error: BaseException) -> int | None:
    """The number of the judge's exception that this one is, if it came out of a callback."""
    number = error.__dict__.get("origin") if isinstance(error, StudentError) else None
    return number if type(number) is int else None


def own_frames(error: BaseException, own_file: str) -> list[tuple[int, str, str]]:
    """`(line, function, source)` of the traceback's places in `own_file`, outermost first."""
    found: list[tuple[int, str, str]] = []
    try:
        for frame, line in traceback.walk_tb(error.__traceback__):
            if frame.f_code.co_filename == own_file:
                source = linecache.getline(own_file, line).strip()
                found.append((int(line), frame.f_code.co_qualname, safe_text(source, MAX_SOURCE)))
                if len(found) > 4 * MAX_FRAMES:
                    del found[MAX_FRAMES // 2 : MAX_FRAMES]
        if isinstance(error, SyntaxError) and error.filename == own_file and error.lineno:
            text = (error.text or "").strip()
            found.append((int(error.lineno), "<module>", safe_text(text, MAX_SOURCE)))
    except BaseException:
        return []
    half = MAX_FRAMES // 2
    return found if len(found) <= MAX_FRAMES else found[:half] + found[-half:]


def rebuild(data: object) -> StudentError:
    """The exception that `describe` told of; anything not of that exact form is a ProtocolError."""
    if type(data) is not dict or set(data) != {"type", "mro", "message", "frames", "origin"}:
        raise ProtocolError("bad exception")
    mro, frames = data["mro"], data["frames"]
    if type(mro) is not list or type(frames) is not list or len(mro) > 64 or len(frames) > 64:
        raise ProtocolError("bad exception")
    if not all(type(x) is str for x in (data["type"], data["message"], *mro)):
        raise ProtocolError("bad exception")
    name = data["type"][:80] if data["type"].isidentifier() else "Exception"
    places = []
    for frame in frames[:MAX_FRAMES]:
        if type(frame) is not list or [type(x) for x in frame] != [int, str, str]:
            raise ProtocolError("bad exception frame")
        places.append((frame[0], one_line(frame[1], 100), one_line(frame[2], MAX_SOURCE)))
    made = _class_for(name, mro)(safe_text(data["message"]), name, tuple(places))
    if type(data["origin"]) is int:
        made.origin = data["origin"]
    return made


def _class_for(name: str, mro: list[str]) -> type[StudentError]:
    found = (getattr(builtins, n, None) for n in mro)
    base: type[Exception] = next((c for c in found if _usable(c)), Exception)
    key = (name, base)
    if key in _classes:
        return _classes[key]
    if base is Exception or len(_classes) >= _MAX_CLASSES or keyword.iskeyword(name):
        return StudentError
    try:
        made = type(name, (StudentError, base), {"__module__": __name__})
        made("probe")
    except TypeError:
        return StudentError
    _classes[key] = made
    return made


def _usable(found: object) -> TypeGuard[type[Exception]]:
    # A StopIteration would end a judge's map() or loop as if all were well.
    return (
        isinstance(found, type)
        and issubclass(found, Exception)
        and not issubclass(found, StopIteration | StopAsyncIteration | ExceptionGroup)
    )


def is_inside(file: str, folder: str) -> bool:
    """Whether a file lies in a folder, by name only."""
    return Path(folder) in Path(file).parents
