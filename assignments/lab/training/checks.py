"""Common mistakes, found in a second before a training that takes minutes (training guide 5.4)."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn

import torch
from torch import Tensor, nn

from lab import objective
from lab.config import Config
from lab.errors import LabError, TrainingError
from lab.models.base import LatentModel, Output
from lab.training import seeds

_LARGEST_LOGVAR = 30.0  # exp(30 / 2) = 3e6: the noise would drown every image


@dataclass(frozen=True)
class Check:
    """One thing that was looked at and found right.

    Args:
        name: what was looked at.
        detail: what was seen, for people.
    """

    name: str
    detail: str


def before_training(model: LatentModel, x: Tensor, config: Config) -> list[Check]:
    """Try one step without taking it; model and random numbers are left as they were.

    Args:
        model: about to be trained.
        x: a batch as training will see it, `(B, C, H, W)` in [0, 1].
        config: of the run.

    Raises:
        TrainingError: the first check that failed, and what to look at.
        LabError: a student's model says itself what is wrong with it.
    """
    with _untouched(model), seeds.borrowed(0):
        done = [_data(x)]
        output, forward = _forward(model, x, config)
        done += [forward, _ranges(output)]
        loss, computed = _loss(model, output, x, config)
        done += [computed, _backward(loss), _gradients(model)]
    return [*done, _parameters(model)]


def _data(x: Tensor) -> Check:
    if len(x) == 0:
        _fail("there are no images to train on", "Raise data.limit or lower data.valid.")
    if not bool(torch.isfinite(x).all()):
        _fail("the images hold NaN or infinity", "Fetch them again: `make data`.")
    low, high = float(x.min()), float(x.max())
    if low < 0 or high > 1:
        _fail(
            f"the pixels lie in [{low:.3g}, {high:.3g}], not in [0, 1]",
            "Divide by 255 once, and leave means and deviations alone.",
        )
    if low == high:
        _fail(f"all pixels are {low:.3g}", "Look at the images: there is nothing to learn.")
    return Check("data range", f"{_size(x)} in [{low:.3f}, {high:.3f}], mean {float(x.mean()):.3f}")


def _forward(model: LatentModel, x: Tensor, config: Config) -> tuple[Output, Check]:
    seen = objective.corrupt(x, config.loss.corrupt, config.loss.corrupt_level)
    try:
        output = model(seen)
    except LabError:
        raise
    except Exception as error:
        _fail(
            f"the forward pass of {type(model).__name__} stopped: {_first_line(error)}",
            "Look at the shapes of the layers it names.",
        )
    logits, mu, logvar = output.logits, output.mu, output.logvar
    if mu.ndim != 2 or len(mu) != len(x):
        _fail(f"mu is {_size(mu)}", f"It needs one row for each of the {len(x)} images.")
    if logvar is not None and logvar.shape != mu.shape:
        _fail(
            f"mu is {_size(mu)} and logvar {_size(logvar)}",
            "They need one shape, one number for each latent dimension.",
        )
    if logits.shape != x.shape:
        _fail(
            f"the decoder gives {_size(logits)} for images {_size(x)}",
            "The logits need the shape of the images.",
        )
    return output, Check("forward", f"images {_size(x)}, logits {_size(logits)}, mu {_size(mu)}")


def _ranges(output: Output) -> Check:
    seen = []
    # The encoder first: its numbers spoil the decoder's.
    for name, values in (("logvar", output.logvar), ("mu", output.mu), ("logits", output.logits)):
        if values is None:
            continue
        if not bool(torch.isfinite(values).all()):
            _fail(
                f"{name} hold NaN or infinity before the first step",
                "Look at the initialization, and for a log or a division on the way there.",
            )
        low, high = values.detach().aminmax()
        if name == "logvar" and float(values.detach().abs().max()) > _LARGEST_LOGVAR:
            _fail(
                f"logvar lies in [{low:.3g}, {high:.3g}]",
                "Initialize its layer smaller, or clamp it to [-20, 20].",
            )
        seen.append(f"{name} [{low:.2f}, {high:.2f}]")
    return Check("output ranges", ", ".join(seen))


def _loss(model: LatentModel, output: Output, x: Tensor, config: Config) -> tuple[Tensor, Check]:
    loss = config.loss
    if loss.iwae_samples > 1:
        terms = objective.iwae_loss(model, x, loss.iwae_samples, loss.recon, loss.beta)
    else:
        terms = objective.loss(output, x, kind=loss.recon, beta=loss.beta, free_bits=loss.free_bits)
    total, recon, kl = (float(term.detach()) for term in terms)
    if not math.isfinite(total):
        _fail("the loss is NaN or infinite before the first step", "Look at logvar: exp overflows.")
    second = "" if output.logvar is None else f", KL {kl:.2f}"
    return terms.loss, Check("loss", f"{total:.2f}: reconstruction {recon:.2f}{second}")


def _backward(loss: Tensor) -> Check:
    try:
        loss.backward()  # type: ignore[no-untyped-call]
    except LabError:
        raise
    except Exception as error:
        _fail(
            f"the backward pass stopped: {_first_line(error)}",
            "Look for numpy, .item(), .data or torch.no_grad() in the model.",
        )
    return Check("backward", "done")


def _gradients(model: nn.Module) -> Check:
    named = list(model.named_parameters())
    for name, parameter in named:
        if parameter.grad is not None and not bool(torch.isfinite(parameter.grad).all()):
            _fail(
                f"the gradient of {name} holds NaN or infinity",
                "Look for a square root, a log or a division at 0 behind it.",
            )
    without = [name for name, parameter in named if parameter.grad is None]
    if len(without) == len(named):
        _fail("no parameter gets a gradient", "Look for detach() or torch.no_grad() in the model.")
    detail = f"finite in all {len(named)} parameter tensors"
    if without:
        few = ", ".join(without[:3]) + (", ..." if len(without) > 3 else "")
        detail = f"finite; none at all for {few}: is that meant?"
    return Check("gradients", detail)


def _parameters(model: nn.Module) -> Check:
    count = sum(p.numel() for p in model.parameters() if p.requires_grad)
    return Check("parameters", f"{count:,}")


@contextlib.contextmanager
def _untouched(model: nn.Module) -> Iterator[None]:
    """Gradients, running means and modes come back; a student's forward may change them."""
    kept = {name: value.clone() for name, value in model.state_dict().items()}
    mode = model.training
    model.train()
    model.zero_grad(set_to_none=True)
    try:
        with torch.enable_grad():
            yield
    finally:
        model.zero_grad(set_to_none=True)
        model.load_state_dict(kept)
        model.train(mode)


def _fail(what: str, next_step: str) -> NoReturn:
    raise TrainingError(f"Before training: {what}.", next_step)


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0].rstrip('.')}" if lines else type(error).__name__


def _size(tensor: Tensor) -> str:
    return "×".join(str(size) for size in tensor.shape)
