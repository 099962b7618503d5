"""The skeleton is the solution with the marked bodies taken out, and nothing else."""

from __future__ import annotations

import pytest

from grading.errors import GraderError
from grading.skeleton import make_skeleton

SOLUTION = '''"""A part."""


def double(x):
    """Twice x."""
    # TODO(double): ~1 line, 2 min
    # BEGIN SOLUTION
    y = x + x

    return y
    # END SOLUTION


class Model:
    def run(self, x):
        # TODO(run): ~1 line
        # BEGIN SOLUTION
        return double(x)
        # END SOLUTION
'''


def test_bodies_become_stubs() -> None:
    skeleton = make_skeleton(SOLUTION)
    assert "y = x + x" not in skeleton and "BEGIN" not in skeleton and "END" not in skeleton
    assert '    raise NotImplementedError("double: not implemented yet")\n' in skeleton
    assert '        raise NotImplementedError("run: not implemented yet")\n' in skeleton
    assert skeleton.count("# TODO(") == 2
    namespace: dict[str, object] = {}
    exec(skeleton, namespace)
    with pytest.raises(NotImplementedError, match=r"^double: not implemented yet$"):
        namespace["double"](1)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("old", "new", "line", "why"),
    [
        ("    # END SOLUTION\n\n\nclass", "\n\nclass", 16, "line 7 is not closed"),
        ("        # END SOLUTION\n", "", 17, "not closed"),
        ("    # BEGIN SOLUTION\n    y", "    y", 10, "not opened"),
        ("    # TODO(double): ~1 line, 2 min\n", "", 6, "no `# TODO"),
        ("        return double(x)\n", "", 17, "empty"),
    ],
)
def test_bad_marks_are_named_with_their_line(old: str, new: str, line: int, why: str) -> None:
    assert old in SOLUTION
    with pytest.raises(GraderError) as caught:
        make_skeleton(SOLUTION.replace(old, new), "x.py")
    assert f"x.py, line {line}: " in str(caught.value)
    assert why in str(caught.value)
