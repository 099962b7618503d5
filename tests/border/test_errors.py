"""Exceptions of student code come over with type, text and place, whatever they are."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from grading.border import StudentError

SOURCE = """import torch
class Odd(Exception):
    def __str__(self): raise RuntimeError("no text")
class Meta(type):
    def __getattribute__(cls, name):
        if name in ("__name__", "__mro__", "__qualname__"): raise RuntimeError("no name")
        return type.__getattribute__(cls, name)
class Worse(Exception, metaclass=Meta): pass
class Base(BaseException): pass
class Mine(KeyError): pass
def value(x):
    raise ValueError(f"got {x.dim()}")
def stub(): raise NotImplementedError("kl_divergence: not implemented yet")
def odd(): raise Odd()
def worse(): raise Worse()
def base(): raise Base("outside Exception")
def leave(): raise SystemExit(0)
def interrupt(): raise KeyboardInterrupt
def stop(): raise StopIteration(3)
def huge(): raise ValueError("x" * 10_000_000)
def escape(): raise ValueError("\\x1b[2J\\u202e")
def recurse(): return recurse()
def memory(): raise MemoryError
def key(): return {}["k"]
def mine(): raise Mine("k")
def unicode(): return b"\\xff".decode()
def group(): raise ExceptionGroup("g", [ValueError(1)])
def shape(): return torch.ones(2) @ torch.ones(3)
def unsendable(): return torch.ones(2).to_sparse()
def chained():
    try: value(torch.ones(1))
    except ValueError as e: raise TypeError("outer") from e
def skip():
    import pytest
    pytest.skip("nothing to see")
def exits():
    import pytest
    pytest.exit("over", returncode=0)
"""


@pytest.mark.parametrize(
    ("name", "kind", "type_name", "message"),
    [
        ("stub", NotImplementedError, "NotImplementedError", "kl_divergence: not implemented yet"),
        ("odd", StudentError, "Odd", "could not be read"),
        ("worse", StudentError, None, ""),
        ("base", StudentError, "Base", "outside Exception"),
        ("leave", StudentError, "SystemExit", "0"),
        ("interrupt", StudentError, "KeyboardInterrupt", ""),
        ("stop", StudentError, "StopIteration", "3"),
        ("huge", ValueError, "ValueError", "xxx"),
        ("recurse", RecursionError, "RecursionError", "maximum recursion"),
        ("memory", MemoryError, "MemoryError", ""),
        ("key", KeyError, "KeyError", "'k'"),
        ("mine", KeyError, "Mine", "'k'"),
        ("unicode", UnicodeDecodeError, "UnicodeDecodeError", "invalid start byte"),
        ("group", StudentError, "ExceptionGroup", "g"),
        ("shape", RuntimeError, "RuntimeError", "inconsistent tensor size"),
        ("unsendable", TypeError, "Unsendable", "only dense tensors"),
        ("chained", TypeError, "TypeError", "outer"),
        ("skip", StudentError, "Skipped", "nothing to see"),
        ("exits", StudentError, "Exit", "over"),
    ],
)
def test_exceptions(open_session: Any, name: str, kind: type, type_name: Any, message: str) -> None:
    session = open_session(SOURCE)
    with pytest.raises(kind) as caught:
        getattr(session.student, name)()
    error = caught.value
    assert isinstance(error, StudentError) and message in str(error)
    assert type_name is None or error.type_name == type_name
    assert len(str(error)) < 4100 and not isinstance(error, StopIteration | KeyboardInterrupt)
    assert session.trace.calls[-1].error is error
    with pytest.raises(ValueError, match="got 1"):
        session.student.value(torch.ones(1))


def test_the_place_in_the_students_file(open_session: Any) -> None:
    session = open_session(SOURCE)
    with pytest.raises(ValueError, match=r"^got 2$") as caught:
        session.student.value(torch.ones(1, 1))
    assert caught.value.frames == ((12, "value", 'raise ValueError(f"got {x.dim()}")'),)
    assert caught.value.where() == "line 12, in value"
    with pytest.raises(ValueError) as caught:
        session.student.escape()
    assert str(caught.value) == "\\x1b[2J\\u202e"
    with pytest.raises(RecursionError) as recursion:
        session.student.recurse()
    assert 1 < len(recursion.value.frames) <= 20


@pytest.mark.parametrize(
    ("source", "kind", "place"),
    [
        ("x = (\n", SyntaxError, "line 1, in <module>"),
        ("import torch\n1 / 0\n", ZeroDivisionError, "line 2, in <module>"),
        ("import nothing_here\n", ModuleNotFoundError, "line 1, in <module>"),
        ("raise SystemExit\n", StudentError, "line 1, in <module>"),
    ],
)
def test_a_file_that_cannot_be_imported(
    open_session: Any, source: str, kind: type, place: str
) -> None:
    with pytest.raises(kind) as caught:
        open_session(source)
    assert isinstance(caught.value, StudentError) and caught.value.where() == place


def test_siblings_are_importable_and_shadow_nothing(open_session: Any, tmp_path: Any) -> None:
    (tmp_path / "helper_of_mine.py").write_text("def two(): return 2\n")
    for name in ("json", "torch", "random", "numpy", "colorsys"):
        (tmp_path / f"{name}.py").write_text("raise RuntimeError('shadowed')\n")
    session = open_session(
        "import colorsys, json, random, numpy, torch\nimport helper_of_mine\n"
        "def f(): return helper_of_mine.two() + json.loads('1')\n"
    )
    assert session.student.f() == 3


def test_stop_iteration_cannot_end_a_judges_loop(open_session: Any) -> None:
    session = open_session("def f(x): raise StopIteration\n")
    with pytest.raises(StudentError):
        all(map(session.student.f, [1, 2]))
