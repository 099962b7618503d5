"""Checks before training, alerts during it: mistakes are named, healthy runs are left alone."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from lab.config import Config, parse
from lab.errors import LabError, TrainingError
from lab.models import build
from lab.models.base import LatentModel, Output
from lab.training import Monitor, Reading, before_training

CONFIG = parse({"model": {"name": "mlp", "latent_dim": 2, "hidden_dim": 4}}, "test")
SHAPE = (1, 4, 4)


def images(count: int = 6) -> Tensor:
    return torch.rand(count, *SHAPE, generator=torch.Generator().manual_seed(0))


def reading(**changes: float) -> Reading:
    values: dict[str, Any] = {
        "epoch": 1,
        "step": 500,
        "loss": 100.0,
        "recon": 80.0,
        "kl": 20.0,
        "beta": 1.0,
        "max_logvar": 0.5,
    }
    return Reading(**(values | changes))


# Alerts


@pytest.mark.parametrize(
    ("change", "kind", "says"),
    [
        ({"loss": math.nan}, "nan", "the loss is NaN"),
        ({"loss": math.inf}, "nan", "the loss is infinite"),
        ({"kl": 0.19}, "collapse", "0.0095 nats a latent dimension"),
        ({"max_logvar": math.log(101)}, "variance", "has grown to 101"),
        ({"max_logvar": 1e6}, "variance", "has grown to"),
        ({"loss": 201.0}, "spike", "jumped from 100.0 to 201.0"),
        ({"kl": 81.0}, "kl_dominates", "(81.0) is above the reconstruction (80.0)"),
        ({"kl": 41.0, "beta": 2.0}, "kl_dominates", "(82.0)"),
    ],
)
def test_each_trouble_is_named_with_what_to_try(
    change: dict[str, float], kind: str, says: str
) -> None:
    monitor = Monitor(latent_dim=20)
    assert monitor.look(reading()) == []
    (alert,) = monitor.look(reading(**change))
    assert alert.kind == kind
    assert "Epoch 1, step 500" in alert.what
    assert says in alert.what
    assert alert.next_step


@pytest.mark.parametrize(
    "change",
    [
        {"loss": 200.0},
        {"kl": 0.2},
        {"kl": 0.0, "step": 99},  # every KL begins near 0
        {"kl": 300.0, "beta": 0.1},  # a warm-up lets it grow
        {"max_logvar": math.log(99)},
        {"kl": math.nan, "max_logvar": math.nan},  # a model without a posterior
    ],
)
def test_a_healthy_run_is_left_alone(change: dict[str, float]) -> None:
    monitor = Monitor(latent_dim=20)
    monitor.look(reading())
    assert monitor.look(reading(**change)) == []


def test_each_kind_comes_once_an_epoch() -> None:
    monitor = Monitor(latent_dim=20)
    sick = {"kl": 0.0, "max_logvar": 9.0}
    assert [a.kind for a in monitor.look(reading(**sick))] == ["collapse", "variance"]
    assert monitor.look(reading(**sick)) == []
    assert [a.kind for a in monitor.look(reading(epoch=2, **sick))] == ["collapse", "variance"]


def test_a_monitor_goes_on_from_its_state() -> None:
    first, second = Monitor(latent_dim=20), Monitor(latent_dim=20)
    first.look(reading(kl=0.0))
    second.restore(first.state())
    assert second.look(reading(kl=0.0)) == []
    assert [alert.kind for alert in second.look(reading(loss=300.0))] == ["spike"]


# Checks


def test_a_sound_model_passes_and_nothing_is_changed() -> None:
    torch.manual_seed(0)
    model = build(CONFIG.model, SHAPE).eval()
    model.add_module("unused", nn.Linear(2, 2))
    model.enc.add_module("norm", nn.BatchNorm1d(4))  # type: ignore[operator, union-attr]
    before = {name: value.clone() for name, value in model.state_dict().items()}
    torch.manual_seed(4)
    due = torch.rand(3)
    torch.manual_seed(4)
    found = before_training(model, images(), CONFIG)
    assert torch.equal(torch.rand(3), due)
    assert [check.name for check in found] == [
        "data range",
        "forward",
        "output ranges",
        "loss",
        "backward",
        "gradients",
        "parameters",
    ]
    assert all(check.detail for check in found)
    assert "unused.weight, unused.bias: is that meant?" in found[5].detail
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())
    assert not model.training


class Sick(LatentModel):
    """A linear VAE with one thing wrong."""

    def __init__(self, trouble: str) -> None:
        super().__init__(SHAPE, 2)
        self.trouble = trouble
        self.enc, self.dec = nn.Linear(16, 4), nn.Linear(2, 16)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        if self.trouble == "crash":
            raise RuntimeError("mat1 and mat2 shapes cannot be multiplied.\nand more")
        mu, logvar = self.enc(x.flatten(1)).chunk(2, -1)
        if self.trouble == "nan":
            mu = mu / 0 * 0
        if self.trouble == "wide":
            logvar = logvar * 1e5
        if self.trouble == "one row":
            mu, logvar = mu[:1], logvar[:1]
        if self.trouble == "logvar":
            logvar = logvar[:, :1]
        return mu, logvar

    def decode(self, z: Tensor) -> Tensor:
        logits: Tensor = self.dec(z)
        if self.trouble == "flat":
            return logits
        if self.trouble == "detached":
            logits = logits.detach()
        if self.trouble == "root":
            logits = logits + (logits * 0).sqrt()
        return logits.unflatten(1, SHAPE)

    def forward(self, x: Tensor) -> Output:
        output = super().forward(x)
        if self.trouble in ("detached", "no graph"):
            return Output(*(value.detach() for value in output if value is not None))
        return output


@pytest.mark.parametrize(
    ("trouble", "says"),
    [
        ("crash", "the forward pass of Sick stopped: RuntimeError: mat1 and mat2 shapes cannot be"),
        ("flat", "the decoder gives 6×16 for images 6×1×4×4"),
        ("one row", "mu is 1×2"),
        ("logvar", "mu is 6×2 and logvar 6×1"),
        ("nan", "hold NaN or infinity before the first step"),
        ("wide", "logvar lies in ["),
        ("no graph", "the backward pass stopped"),
        ("root", "the gradient of enc.weight holds NaN or infinity"),
    ],
)
def test_each_mistake_of_a_model_is_one_sentence(trouble: str, says: str) -> None:
    torch.manual_seed(0)
    with pytest.raises(TrainingError) as caught:
        before_training(Sick(trouble), images(), CONFIG)
    assert says in caught.value.what
    assert caught.value.what.startswith("Before training: ")
    assert caught.value.what.endswith(".")
    assert "\n" not in caught.value.what
    assert caught.value.next_step


def test_a_model_whose_loss_ignores_it_gets_no_gradient() -> None:
    class Deaf(Sick):
        def forward(self, x: Tensor) -> Output:
            free = torch.zeros(len(x), 2, requires_grad=True)
            return Output(torch.zeros_like(x), free, free, free)

    with pytest.raises(TrainingError, match="no parameter gets a gradient"):
        before_training(Deaf("none"), images(), CONFIG)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda x: x * 255, "the pixels lie in"),
        (lambda x: x - 0.5, "the pixels lie in"),
        (lambda x: x * math.nan, "the images hold NaN"),
        (lambda x: x * 0 + 0.5, "all pixels are 0.5"),
        (lambda x: x[:0], "there are no images"),
    ],
)
def test_images_that_cannot_be_learned(spoil: Callable[[Tensor], Tensor], says: str) -> None:
    with pytest.raises(TrainingError, match=says):
        before_training(Sick("none"), spoil(images()), CONFIG)


def test_what_a_students_model_says_itself_comes_through() -> None:
    class Student(Sick):
        def encode(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
            raise LabError("vae.py, line 12: encode is not written yet.", "Write it.")

    with pytest.raises(LabError, match="line 12") as caught:
        before_training(Student("none"), images(), CONFIG)
    assert not isinstance(caught.value, TrainingError)


def test_the_bound_that_is_trained_on_is_the_one_that_is_checked() -> None:
    several: Config = parse({"loss": {"iwae_samples": 3}}, "test")
    found = before_training(Sick("none"), images(), several)
    assert found[3].name == "loss"
    dae = build(parse({"model": {"name": "dae"}}, "test").model, SHAPE)
    with pytest.raises(LabError, match="no posterior"):
        before_training(dae, images(), several)
