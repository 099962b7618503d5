"""The located lines agree with what tomllib reads, however the keys are written."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from grading.scoring.anchors import anchors, slug
from grading.scoring.locate import TooDeepError, locate

TEXT = '''\
# [not.a.table]
a = 1
"b c".'d.e'."\\u0066" = """
x = 1
[no]
"""
[t]  # comment = 1
k = { p = 1, q.r = [1, { s = "]#," }] }
list = [
  "one",  # two = 2
  { deep = \'\'\'
z = 2\'\'\' },
]
[[m]]
n = 1
[[m.o]]
[m.o.u]
v = 1979-05-27 07:32:00
[[m.o]]
w = +inf
[[m]]
o = [{ i = 1 }]
'''
LINES = {
    "a": 2, "b c": 3, "t": 7, "k": 8, "p": 8, "q": 8, "r": 8, "s": 8, "list": 9, "deep": 11,
    "m": 14, "n": 15, "u": 17, "v": 18, "w": 20, "i": 22, "d.e": 3, "f": 3,
}  # fmt: skip


def keys(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    return [k for key, inner in items for k in [(*path, key), *keys(inner, (*path, key))]]


@pytest.mark.parametrize("text", [TEXT, TEXT.replace("\n", "\r\n")], ids=["lf", "crlf"])
def test_every_key_has_its_own_line(text: str) -> None:
    found = locate(text)
    for path in keys(tomllib.loads(text)):
        assert path in found._lines, path
        if isinstance(path[-1], str) and path[-1] in LINES:
            assert found.line(path) == LINES[path[-1]], path
    assert [found.line(("m", i)) for i in (0, 1)] == [14, 21]
    assert [found.line(("m", 0, "o", i)) for i in (0, 1)] == [16, 19]
    assert found.line(("m", 0, "o", 1, "missing", 7)) == 19
    assert found.line(("nothing",)) == 1


def test_too_deep() -> None:
    with pytest.raises(TooDeepError) as caught:
        locate("a = 1\nb = " + "[" * 20)
    assert caught.value.line == 2
    locate("b = " + "[" * 12 + "]" * 12)


@pytest.mark.parametrize(
    ("heading", "anchor"),
    [
        ("6. KL divergence", "6-kl-divergence"),
        ("`kl_divergence`: the *closed* form", "kl_divergence-the-closed-form"),
        ("What's **β**-VAE? (Higgins 2017)", "whats-β-vae-higgins-2017"),
        ("A — B", "a--b"),
        ("_why_ snake_case", "why-snake_case"),
        ("[Link](http://x) & <b>tag</b> &amp; `<T>`", "link--tag--t"),
        ("x² and ½", "x-and-"),
        ("  Über  uns ", "über--uns"),
    ],
)
def test_slug(heading: str, anchor: str) -> None:
    assert slug(heading) == anchor


def test_anchors_of_a_guide() -> None:
    guide = (
        "---\ntitle: x\n# front\n---\n# One #\n\n```python\n# Comment\n```\n~~~\n```\n# No\n~~~\n"
        "## Two\n<!-- \n## Hidden\n-->\nSetext\n======\n\n- item\n---\n## Two\n"
        "#hashtag\n    # code\n"
        '<a id="own"></a>\n## Two\n####### seven\n'
    )
    assert anchors(guide) == {"one", "two", "two-1", "two-2", "setext", "own"}
