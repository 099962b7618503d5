"""Configurations: what ships is right, and what is wrong is named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from lab.config import CONFIGS, Config, changed, load, parse
from lab.errors import ConfigError

SHIPPED = sorted(path.stem for path in CONFIGS.glob("*.yaml"))


@pytest.mark.parametrize("name", SHIPPED)
def test_what_ships_is_right(name: str) -> None:
    found = load(name)
    assert parse(found.model_dump(mode="json"), name) == found
    assert load(CONFIGS / f"{name}.yaml") == found


def test_mnist_explains_every_key() -> None:
    text = (CONFIGS / "mnist.yaml").read_text(encoding="utf-8")
    values = yaml.safe_load(text)
    for section, block in Config().model_dump().items():
        if not isinstance(block, dict):
            assert section in values
            continue
        assert list(values[section]) == list(block), section
        for key in block:
            assert re.search(rf"^  {key}: .+  ?# \S", text, re.MULTILINE), f"{section}.{key}"


def test_changes_lie_on_top() -> None:
    found = load("smoke", ["optim.lr=3e-4", "data.limit=null", "model.name=mlp", "outputs=here"])
    assert (found.optim.lr, found.data.limit, found.model.name) == (3e-4, None, "mlp")
    assert found.outputs == Path("here")
    assert load("smoke").optim.lr != 3e-4
    assert changed(found, ["eval.iwae_samples=7"]).eval.iwae_samples == 7


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("optim.lrr=1", "unknown key optim.lrr. Did you mean lr?"),
        ("optimm.lr=1", "unknown key optimm. Did you mean optim?"),
        ("optim.zzz=1", "Known keys: lr, batch_size"),
        ("optim.lr=.nan", "optim.lr is nan"),
        ("optim.lr=-1", "optim.lr is -1"),
        ("optim.lr=fast", "optim.lr is 'fast'"),
        ("optim.epochs=1.5", "optim.epochs is 1.5"),
        ("model.latent_dim=0", "model.latent_dim is 0"),
        ("model.name=gan", "model.name is 'gan'"),
        ("loss=3", "loss is a section"),
        ("loss.warmup=2", "loss.warmup is 2"),
        ("data.name=[1, 2]", "data.name is [1, 2]"),
        ("optim.lr", "section.key=value"),
        (".lr=1", "section.key=value"),
        ("outputs.deep=1", "outputs"),
        ("optim.lr=[", "not YAML"),
    ],
)
def test_a_wrong_change_is_one_sentence(change: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load("mnist", [change])
    assert says in str(caught.value)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


def test_two_objectives_exclude_each_other() -> None:
    with pytest.raises(ConfigError, match="free bits"):
        load("mnist", ["loss.iwae_samples=5", "loss.free_bits=0.1"])


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"optim: {lr: 1", "line 1 is not YAML"),
        (b"- a\n- b\n", "holds no sections"),
        (b"12", "holds no sections"),
        (b"\xff\xfe\x00", "not text"),
        (b"a: !!python/object/apply:os.system [id]\n", "not YAML"),
        (b"[" * 20000, "not YAML"),
        (b"optim:\n\tlr: 1\n", "line 2 is not YAML"),
    ],
)
def test_a_broken_file_is_one_sentence(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert says in str(caught.value) and "mine.yaml" in str(caught.value)


def test_an_empty_file_has_the_defaults(tmp_path: Path) -> None:
    path = tmp_path / "empty.yaml"
    path.write_text("# nothing\n", encoding="utf-8")
    assert load(path) == Config()


def test_a_bomb_of_aliases_is_refused(tmp_path: Path) -> None:
    lines = ["a0: &a0 [1, 1]"] + [f"a{i}: &a{i} [{f'*a{i - 1}, ' * 9}]" for i in range(1, 12)]
    path = tmp_path / "bomb.yaml"
    path.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(ConfigError, match="unknown key a0"):
        load(path)


def test_a_missing_file_lists_what_ships(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"one of: .*mnist.*smoke"):
        load("mnits")
    with pytest.raises(ConfigError):
        load(tmp_path)
