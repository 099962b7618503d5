"""Reads the corpus: each attack carries, as a comment, what it tries and what must come of it."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
CORPUS = HERE / "corpus"
DAY = HERE / "day"
_HEADER = re.compile(r"\A# /// attack\n((?:# .*\n)+)# ///\n")


@dataclass(frozen=True)
class Attack:
    """One hostile submission.

    Attributes:
        id: "004_patch_assert_close".
        path: a file, or a folder with vae.py in it.
        number: its number in the list of attacks, "-" if it has none there.
        family: "forge", "value", "escape" or "intake".
        where: where it strikes: "import", "call", "callback" or "intake".
        score: exactly these points, or "<=10" for at most those that are honestly right.
        kl: the statuses that tests of kl_divergence may have.
        part: the part's status, or "any".
        says: texts that must be in the report, "one|or another", which prove that it really ran.
        seconds: time limit of a test, short for what hangs.
        safe_unsandboxed: may be run without any sandbox.
        breaks_naive: a grader that imports submissions beside its tests is known to fall for it.
        fresh: strikes only a fresh interpreter.
    """

    id: str
    path: Path
    number: str
    title: str
    family: str
    where: str
    score: int | str
    kl: list[str]
    part: str = "graded"
    says: list[str] = field(default_factory=list)
    safe_unsandboxed: bool = False
    breaks_naive: bool = False
    fresh: bool = False
    seconds: float = 3.0

    @property
    def honest(self) -> int:
        """The points of what is right in it."""
        return int(str(self.score).removeprefix("<="))

    def write_to(self, folder: Path, names: dict[str, str]) -> Path:
        """Copy it, with `@NAME@` replaced by what it is to aim at; return the submission."""
        sources = [self.path] if self.path.is_file() else sorted(self.path.rglob("*"))
        target = folder / self.id
        for source in sources:
            if not source.is_file() or source.suffix == ".pyc":
                continue
            inside = source.relative_to(self.path) if self.path.is_dir() else Path("vae.py")
            text = re.sub(
                r"@([A-Z0-9]+)@",
                lambda found: names.get(found[1], found[0]),
                source.read_text(encoding="utf-8"),
            )
            (target / inside).parent.mkdir(parents=True, exist_ok=True)
            (target / inside).write_text(text, encoding="utf-8")
        return target


def read(path: Path) -> Attack:
    """Read one attack's header."""
    file = path / "vae.py" if path.is_dir() else path
    found = _HEADER.match(file.read_text(encoding="utf-8"))
    if found is None:
        raise ValueError(f"{file} has no header")
    table = tomllib.loads(re.sub(r"^# ", "", found[1], flags=re.MULTILINE))
    return Attack(id=path.stem, path=path, **table)


def corpus() -> list[Attack]:
    """All attacks, in their order."""
    return [read(path) for path in sorted(CORPUS.iterdir()) if not path.name.startswith("__")]
