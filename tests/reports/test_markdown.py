"""Markdown shows a submission's text as text, keeps its size, and hides no score."""

from __future__ import annotations

import re

import pytest
from markdown_it import MarkdownIt

from grading.reports import markdown
from grading.reports.markdown import code, escape
from grading.scoring import Report


def rendered(text: str) -> str:
    return MarkdownIt("gfm-like", {"html": True, "linkify": False}).render(text)


def test_half_done(half: Report) -> None:
    text = markdown(half)
    for piece in (
        "**14 / 100** · bonus 3 / 8",
        "| 🟡 | `kl_divergence` | KL divergence in closed form | 4 / 12 | 1 / 3 |",
        "| ⬜ | `slerp` _(bonus)_ | Slerp | 0 / 5 | 0 / 1 |",
        "isolation L3 · seed 5f3a9c0de1",
        "expected  0.0\ngot       1.5",
        "**Likely mistake:** You left out the −1",
    ):
        assert piece in text
    html = rendered(text)
    assert html.count("<details>") == html.count("</details>") == 2
    assert html.count("<tr>") == 8


def test_hostile_text_is_text(hostile: Report) -> None:
    text = markdown(hostile)
    html = rendered(text)
    tags = set(re.findall(r"</?([a-z0-9]+)", html))
    assert tags <= {
        "h2", "h3", "p", "strong", "em", "sub", "table", "thead", "tbody", "tr", "th", "td",
        "details", "summary", "pre", "code",
    }  # fmt: skip
    assert html.count("<details>") == html.count("</details>") == 1
    assert all(row.count("<td") == 5 for row in re.findall(r"<tr>\n<td.*?</tr>", html, re.DOTALL))
    outside = re.sub(r"<code.*?</code>", "", html, flags=re.DOTALL)
    assert not re.search(r"@\w|#\d|://\w|www\.|:smile:", outside)
    for line in text.split("\n"):
        assert not line.strip(" ").startswith("::") and "##[" not in line
    assert not set("\x1b\x00\u202e") & set(text)


@pytest.mark.parametrize(
    "text",
    ["# x", "- x", "+ x", "1. x", "1) x", "===", "---", "> x", "*x*", "_x_", "`x`", "[a](b)",
     "![a](b)", "<b>x</b>", "a | b", "~~x~~", "\\", "&amp;", "a\nb", "<!-- x", "$x$", "x\\",
     "[a]: b", "    x", "\tx", "<http://a.b>", "| a |\n|---|"],
)  # fmt: skip
def test_escape_shows_text_as_it_is(text: str) -> None:
    html = rendered(escape(text)).replace("\u200b", "")
    body = re.fullmatch(r"<p>(.*)</p>\n", html, re.DOTALL)
    assert body is not None, html
    shown = body[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    assert shown == " ".join(text.split())


def test_fence_is_longer_than_any_inside() -> None:
    text = "```\n</code>\n`````"
    assert rendered(code(text)).count("<pre>") == 1
    assert code(text).startswith("``````text\n")


@pytest.mark.parametrize("limit", [20_000, 1 << 20])
def test_size(hostile: Report, half: Report, limit: int) -> None:
    part = half.parts[0]
    wide = part.tasks[1].model_copy(
        update={
            "tests": [
                test.model_copy(update={"got": "σ" * 4000, "call": "x" * 4000})
                for test in part.tasks[1].tests
            ]
        }
    )
    big = half.model_copy(
        update={"parts": [part.model_copy(update={"tasks": [*part.tasks, *[wide] * 120]})]}
    )
    text = markdown(big, limit)
    assert len(text.encode()) <= limit
    assert "more tasks are in the full report" in text
    assert text.count("<details>") == text.count("</details>")
    assert "**14 / 100**" in text
