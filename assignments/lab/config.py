"""What one run is made of, read from YAML; a wrong key is named, with the nearest right one."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from lab.errors import ConfigError

CONFIGS = Path(__file__).resolve().parent / "configs"


class Section(BaseModel):
    """One block of the file; knows its keys and no others."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Positive = Annotated[int, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class DataConfig(Section):
    """Which images, and how many."""

    name: str = "mnist"
    limit: Positive | None = None  # use only so many training images
    valid: Annotated[int, Field(ge=0)] = 5000  # held out of them, to choose `best.pt`
    binarize: bool = False  # draw each pixel from Bernoulli(x) anew in every batch


class ModelConfig(Section):
    """Which model, and its sizes."""

    name: Literal["conv", "resnet", "mlp", "student", "dae", "student-dae"] = "conv"
    latent_dim: Positive = 20
    hidden_dim: Positive = 400  # of fully connected layers
    width: Positive = 32  # channels of the first convolution
    init: Literal["default", "vae"] = "default"
    student_file: Path | None = None  # for `student` and `student-dae`


class LossConfig(Section):
    """Reconstruction, KL, and how their balance changes over training."""

    recon: Literal["bce", "l2", "l1", "charbonnier"] = "bce"
    beta: NonNegative = 1.0
    schedule: Literal["constant", "linear", "cyclical"] = "constant"
    warmup: Fraction = 0.1  # linear: part of all steps until beta is reached
    cycles: Positive = 4  # cyclical: how often beta starts anew
    ratio: Annotated[float, Field(gt=0, le=1)] = 0.5  # cyclical: rising part of a cycle
    free_bits: NonNegative = 0.0  # nats a latent dimension
    iwae_samples: Positive = 1  # above 1: train on the importance-weighted bound
    corrupt: Literal["none", "mask", "gaussian", "salt_pepper"] = "none"  # denoising autoencoders
    corrupt_level: Fraction = 0.3

    @model_validator(mode="after")
    def _one_objective(self) -> LossConfig:
        if self.iwae_samples > 1 and self.free_bits > 0:
            raise ValueError("the importance-weighted bound has no free bits, set one of them to 0")
        return self


class OptimConfig(Section):
    """Adam and its learning rate."""

    lr: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1e-3
    batch_size: Positive = 128
    epochs: Positive = 10
    weight_decay: NonNegative = 0.0
    clip_norm: NonNegative = 0.0  # 0: no clipping
    schedule: Literal["constant", "cosine"] = "constant"
    warmup_steps: Annotated[int, Field(ge=0)] = 0


class TrainConfig(Section):
    """How a run behaves on this machine."""

    seed: int = 0
    device: str = "auto"
    amp: Literal["auto", "always", "never"] = "auto"  # auto: where the device gains from it
    deterministic: bool = True
    ema_decay: Annotated[float, Field(ge=0, lt=1)] = 0.0  # 0: no average
    checkpoint_seconds: NonNegative = 30.0
    tensorboard: bool = True


class EvalConfig(Section):
    """How closely a trained model is looked at."""

    limit: Positive | None = None  # use only so many test images
    iwae_samples: Positive = 50
    iwae_images: Positive = 1000  # the bound is costly: so many images of the test set
    chunk: Positive = 2000  # rows (image × sample) that are decoded at once
    classifier_epochs: Positive = 2  # of the small classifier behind the Fréchet distance


class Config(Section):
    """Everything about one run."""

    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    loss: LossConfig = LossConfig()
    optim: OptimConfig = OptimConfig()
    train: TrainConfig = TrainConfig()
    eval: EvalConfig = EvalConfig()
    outputs: Path = Path("outputs")


def load(source: str | Path, changes: tuple[str, ...] | list[str] = ()) -> Config:
    """Read a configuration.

    Args:
        source: a file, or the name of one that ships with the lab (`mnist`).
        changes: `section.key=value`, applied on top; values are YAML.

    Raises:
        ConfigError: no such file, not YAML, or a key or value that the lab cannot use.
    """
    path = _find(source)
    values = _read(path)
    for change in changes:
        _apply(values, change)
    return parse(values, f"{path} with --set" if changes else str(path))


def changed(config: Config, changes: tuple[str, ...] | list[str]) -> Config:
    """A configuration with `section.key=value` changes on top.

    Raises:
        ConfigError: a key or value that the lab cannot use.
    """
    values = config.model_dump(mode="json")
    for change in changes:
        _apply(values, change)
    return parse(values, "--set")


def parse(values: dict[str, Any], where: str) -> Config:
    """Check values against the schema; `where` is named in errors.

    Raises:
        ConfigError: a key is unknown or a value is out of its range.
    """
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        raise ConfigError(*_explain(error, where)) from None


def _find(source: str | Path) -> Path:
    path = Path(source)
    if path.is_file():
        return path
    shipped = CONFIGS / f"{source}.yaml"
    if path.suffix == "" and len(path.parts) == 1 and shipped.is_file():
        return shipped
    names = ", ".join(sorted(p.stem for p in CONFIGS.glob("*.yaml")))
    raise ConfigError(
        f"There is no configuration {str(source)!r}.", f"Give a YAML file or one of: {names}."
    )


def _read(path: Path) -> dict[str, Any]:
    import yaml

    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"Cannot read {path}: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not text.", "Write it as UTF-8.") from None
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f" line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "it cannot be read"
        raise ConfigError(f"{path}{line} is not YAML: {problem}.") from None
    if values is None:
        return {}
    if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
        raise ConfigError(f"{path} holds no sections.", "Write `model:` and its keys below it.")
    return values


def _apply(values: dict[str, Any], change: str) -> None:
    import yaml

    dotted, separator, text = change.partition("=")
    keys = dotted.strip().split(".")
    if not separator or not all(keys):
        raise ConfigError(
            f"--set {change!r} changes nothing.", "Write it as section.key=value, optim.lr=3e-4."
        )
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        raise ConfigError(f"--set {change!r} has a value that is not YAML.") from None
    for key in keys[:-1]:
        inner = values.setdefault(key, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"--set {change!r}: {key} is a value, not a section.")
        values = inner
    values[keys[-1]] = value


def _explain(error: ValidationError, where: str) -> tuple[str, str]:
    """The first problem as one sentence and what to do about it."""
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        section: Any = Config
        for part in first["loc"][:-1]:
            section = section.model_fields[str(part)].annotation
        known = list(section.model_fields)
        near = difflib.get_close_matches(str(first["loc"][-1]), known, n=1)
        hint = f"Did you mean {near[0]}?" if near else f"Known keys: {', '.join(known)}."
        return f"{where}: unknown key {key}.", hint
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "value_error":
        return f"{where}: {key}: {message}.", "Correct that section."
    if first["type"] == "model_type":
        return f"{where}: {key} is a section.", f"Write its keys below `{key}:`."
    given = repr(first.get("input"))
    given = given if len(given) <= 60 else given[:57] + "..."
    return f"{where}: {key} is {given}: {message.lower()}.", "Correct that line."
