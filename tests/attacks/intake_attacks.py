"""Hostile submissions that cannot lie in a repository: links, devices, bytes and sizes."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import attack_corpus

GOOD = (attack_corpus.DAY / "instructor/vae/solution.py").read_text(encoding="utf-8")


@dataclass(frozen=True)
class IntakeAttack:
    """One way to hand in what is no plain source file.

    Attributes:
        make: writes the submission into a folder; the second argument holds a secret file.
        status: the part's expected status.
        score: the points that it has honestly.
        number: its number in the list of attacks.
    """

    name: str
    make: Callable[[Path, Path], None]
    status: str = "missing_file"
    score: int = 0
    number: str = "76"
    root_only: bool = False


def _source(content: str | bytes) -> Callable[[Path, Path], None]:
    def make(folder: Path, secret: Path) -> None:
        data = content.encode() if isinstance(content, str) else content
        (folder / "vae.py").write_bytes(data)

    return make


def _symlink(folder: Path, secret: Path) -> None:
    (folder / "vae.py").symlink_to("/etc/passwd")


def _symlink_to_reference(folder: Path, secret: Path) -> None:
    (folder / "vae.py").symlink_to(attack_corpus.DAY / "instructor/vae/solution.py")


def _symlinked_folder(folder: Path, secret: Path) -> None:
    elsewhere = folder.parent / "elsewhere"
    elsewhere.mkdir(exist_ok=True)
    (elsewhere / "vae.py").write_text(GOOD)
    (folder / "student").symlink_to(elsewhere)


def _hardlink(folder: Path, secret: Path) -> None:
    os.link(secret, folder / "vae.py")


def _helper_links(folder: Path, secret: Path) -> None:
    """A helper that is a link to the secret, and a part that prints it."""
    read = 'open(__file__[:-6] + "loot.md").read()'
    text = f"def kl_divergence(mu, logvar):\n    raise ValueError({read})\n"
    (folder / "vae.py").write_text(GOOD + text)
    (folder / "loot.md").symlink_to(secret)
    os.link(secret, folder / "loot2.md")


def _fifo(folder: Path, secret: Path) -> None:
    os.mkfifo(folder / "vae.py")


def _socket(folder: Path, secret: Path) -> None:
    here = Path.cwd()
    os.chdir(folder)
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind("vae.py")
    finally:
        os.chdir(here)


def _device(folder: Path, secret: Path) -> None:
    os.mknod(folder / "vae.py", stat.S_IFCHR | 0o666, os.makedev(1, 5))


def _folder(folder: Path, secret: Path) -> None:
    (folder / "vae.py").mkdir()


def _one_line_of_1gb(folder: Path, secret: Path) -> None:
    with (folder / "vae.py").open("wb") as file:
        file.write(b"#")
        file.truncate(1 << 30)


def _odd_names(folder: Path, secret: Path) -> None:
    (folder / "vae.py").write_text(GOOD)
    for name in (b"\xff\xfe.py", "\u202egpj.py".encode(), b"a\nb.py", b"\x1b[2J.py", b"con.py"):
        Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_text("x = 1\n")
    (folder / "VAE.PY").write_text("x = 1\n")


def _many_files(folder: Path, secret: Path) -> None:
    (folder / "vae.py").write_text(GOOD)
    for number in range(1000):
        (folder / f"helper{number}.py").write_text("x = 1\n")


def _deep_folders(folder: Path, secret: Path) -> None:
    deep = folder
    for _ in range(60):
        deep = deep / "d"
    deep.mkdir(parents=True)
    (deep / "vae.py").write_text(GOOD)


def _two_candidates(folder: Path, secret: Path) -> None:
    for name in ("a", "b"):
        (folder / name).mkdir()
        (folder / name / "vae.py").write_text(GOOD)


_UTF7 = b"# coding: utf-7\n" + "import os\nos._exit(0)\n".encode("utf-7") + GOOD.encode()
_CHAIN = "x = object\ny = x" + ".a" * 9_000 + "\n"
_BRACKETS = "x = " + "(" * 9_000 + ")" * 9_000 + "\n"
_MINUS = "x = " + "-" * 19_000 + "1\n"
_LAMBDAS = "x = " + "lambda: " * 2_000 + "1\n"
_SUMS = "x = (1\n" + "+ 1\n" * 200_000 + ")\n"
_INDENT = "".join("  " * depth + "if 1:\n" for depth in range(200)) + "  " * 200 + "pass\n"
_INT = "x = " + "9" * 19_000 + "\n"
_FOLD = "x = " + "*".join(["'A'"] + ["10000"] * 4) + "\n"
_POWER = "x = 10 ** 10 ** 10\n"

ATTACKS = [
    IntakeAttack("symlink_to_passwd", _symlink, number="77"),
    IntakeAttack("symlink_to_solution", _symlink_to_reference, number="77"),
    IntakeAttack("symlinked_folder", _symlinked_folder, number="77"),
    IntakeAttack("hardlink_to_secret", _hardlink, number="77"),
    IntakeAttack("helper_links", _helper_links, "graded", 60, number="77"),
    IntakeAttack("fifo", _fifo, number="77"),
    IntakeAttack("socket", _socket, number="77"),
    IntakeAttack("device", _device, number="77", root_only=True),
    IntakeAttack("folder_for_a_file", _folder, number="77"),
    IntakeAttack("one_line_of_1gb", _one_line_of_1gb),
    IntakeAttack("nul_in_source", _source(GOOD + "\0")),
    IntakeAttack("byte_order_mark", _source(b"\xef\xbb\xbf" + GOOD.encode()), "graded", 100),
    IntakeAttack("utf7_cookie", _source(_UTF7)),
    IntakeAttack("utf16", _source(GOOD.encode("utf-16"))),
    IntakeAttack("latin1", _source("# -*- coding: latin-1 -*-\n# caf\xe9\n".encode("latin-1"))),
    IntakeAttack("surrogates", _source(GOOD.encode() + b"x = '\xed\xa0\x80'\n")),
    IntakeAttack("carriage_returns", _source(GOOD.replace("\n", "\r\n")), "graded", 100),
    IntakeAttack("empty_file", _source(b""), "graded", 0),
    IntakeAttack("odd_names_beside", _odd_names, "graded", 100),
    IntakeAttack("many_files", _many_files, "graded", 100),
    IntakeAttack("deep_folders", _deep_folders),
    IntakeAttack("two_candidates", _two_candidates, "SubmissionError"),
    IntakeAttack("attribute_chain_bomb", _source(GOOD + _CHAIN), "cannot_import"),
    IntakeAttack("bracket_bomb", _source(_BRACKETS), "cannot_import"),
    IntakeAttack("minus_bomb", _source(_MINUS), "cannot_import"),
    IntakeAttack("lambda_bomb", _source(_LAMBDAS), "any"),
    IntakeAttack("sum_bomb", _source(_SUMS), "any"),
    IntakeAttack("indent_bomb", _source(_INDENT), "cannot_import"),
    IntakeAttack("digit_bomb", _source(_INT), "cannot_import"),
    IntakeAttack("folding_bomb", _source(_FOLD), "any"),
    IntakeAttack("power_bomb", _source(_POWER), "cannot_import"),
    IntakeAttack("syntax_error", _source("def (:\n"), "cannot_import"),
]
