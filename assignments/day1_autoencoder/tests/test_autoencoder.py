"""Public tests of the denoising autoencoder: numbers worked out by hand, shapes, a relation or two.

`pytest tests/test_autoencoder.py` runs all of them, `-m corrupt` only those of one task.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from grading import check


class Layers(nn.Module):
    """The provided layers once more, on the side of the tests, with no unit switched off."""

    def __init__(self, n_in: int, n_hidden: int, n_latent: int) -> None:
        super().__init__()
        self.enc = nn.Sequential(nn.Linear(n_in, n_hidden), nn.ReLU())
        self.code = nn.Linear(n_hidden, n_latent)
        self.dec = nn.Sequential(
            nn.Linear(n_latent, n_hidden), nn.ReLU(), nn.Linear(n_hidden, n_in)
        )
        for first in (self.enc[0], self.dec[0]):
            nn.init.constant_(first.bias, 4.0)


def same_layers(student: Any, *sizes: int) -> Iterator[tuple[Any, Layers]]:
    """Twice a model of the student's and the provided layers, with the same weights.

    First those that the model begins with, as in a call that is typed by hand; then the test's.
    """
    for its_own in (True, False):
        ours, model = Layers(*sizes), student.DenoisingAutoencoder(*sizes)
        taker, giver = (ours, model) if its_own else (model, ours)
        try:
            taker.load_state_dict(giver.state_dict())
        except (RuntimeError, TypeError) as error:
            raise check.Mismatch(
                "Leave the layers in __init__ as they are provided.",
                "other names or shapes of weights",
                "those of the provided layers",
            ) from error
        yield model, ours


def is_close(got: Any, expected: Tensor) -> bool:
    try:
        check.close(got, expected, "")
    except check.Mismatch:
        return False
    return True


# ---------------------------------------------------------------- corrupt


@pytest.mark.task("corrupt")
@pytest.mark.parametrize("kind", ["gaussian", "mask", "salt_pepper"])
def test_corrupt_keeps_shape_and_range(student: Any, kind: str) -> None:
    x = torch.rand(4, 30)
    noisy = check.shape(student.corrupt(x, kind=kind, level=0.5), (4, 30))
    check.between(noisy, 0.0, 1.0, "A noisy image must stay in [0, 1].", name="pixel")
    check.differ(noisy, x, f"Nothing is changed by kind {kind!r}.")


@pytest.mark.task("corrupt")
@pytest.mark.parametrize("kind", ["gaussian", "mask", "salt_pepper"])
def test_corrupt_level_zero(student: Any, kind: str) -> None:
    x = torch.rand(3, 10)
    check.close(student.corrupt(x, kind, 0.0), x, "With level 0 the image must come back as it is.")
    # 30 pixels all untouched at level 0.9: probability 1e-30.
    check.differ(student.corrupt(x, kind, 0.9), x, "Level 0.9 changes nothing.")


@pytest.mark.task("corrupt")
def test_corrupt_mask_rate(student: Any) -> None:
    # 10,000 pixels at 0.2: the bounds are 7 standard errors away (false alarms < 1e-11).
    x = torch.full((100, 100), 0.6)
    noisy = student.corrupt(x, kind="mask", level=0.2)
    gone = (noisy == 0).float().mean()
    check.that(
        gone < 0.6,
        "level is the share of pixels that is set to 0, not the share kept.",
        got=f"{gone:.3g} of the pixels are 0",
        expected="about 0.2 of them",
    )
    symptom = "With level 0.2 about a fifth of the pixels must be 0."
    check.between(gone, 0.172, 0.228, symptom, name="share of pixels that are 0:")
    kept = noisy[noisy != 0]
    check.close(kept, torch.full_like(kept, 0.6), "Pixels that are kept must not be rescaled.")


@pytest.mark.task("corrupt")
def test_corrupt_unknown_kind(student: Any) -> None:
    try:
        student.corrupt(torch.rand(2, 3), kind="blur")
    except ValueError:
        return
    raise check.Mismatch("An unknown kind must raise ValueError.", "no error", "ValueError")


# ---------------------------------------------------------------- the model


@pytest.mark.task("encode")
def test_encode_uses_the_layers(student: Any) -> None:
    for model, ours in same_layers(student, 6, 5, 3):
        x = torch.rand(4, 6)
        z = check.shape(
            model.encode(x), (4, 3), "The code has one row for each example, latent_dim wide."
        )
        check.close(z, ours.code(ours.enc(x)), "The code is not what the layers enc and code give.")


@pytest.mark.task("decode")
def test_decode_gives_logits(student: Any) -> None:
    for model, ours in same_layers(student, 6, 5, 3):
        z = torch.randn(4, 3)
        logits = check.shape(model.decode(z), (4, 6), "decode gives one logit for each pixel.")
        check.that(
            not is_close(logits, torch.sigmoid(ours.dec(z))),
            "decode returns probabilities: the loss applies the sigmoid, so return plain logits.",
            got=logits,
            expected=ours.dec(z),
        )
        check.close(logits, ours.dec(z), "decode is not what the layer dec gives.")


@pytest.mark.task("forward")
@pytest.mark.uses("DenoisingAutoencoder.encode", "DenoisingAutoencoder.decode")
def test_forward_is_decode_of_encode(student: Any) -> None:
    # 20 hidden units: at the start some are off, but not all of them.
    for model, ours in same_layers(student, 6, 20, 3):
        x = torch.rand(4, 6)
        logits = check.shape(model(x), (4, 6), "forward gives the logits, one for each pixel.")
        if is_close(logits, ours.dec(ours.code(ours.enc(x)))):
            continue
        # A wrong encode or decode loses its own points; forward is right when it uses them.
        own = model.decode(model.encode(x))
        check.that(
            not is_close(own[:1], own[1:2]),
            "The logits are the same for every image.",
            got=f"for two images {check.show(own[0])}",
            expected="different logits",
        )
        check.close(logits, own, "forward is not decode(encode(x)).")


# ---------------------------------------------------------------- denoising_loss


@pytest.mark.task("denoising_loss")
def test_loss_worked_numbers(student: Any) -> None:
    symptom = "Two pixels, logits 0: the loss is 2 log 2."
    check.close(
        student.denoising_loss(torch.zeros(1, 2), torch.ones(1, 2)), 2 * math.log(2), symptom
    )
    logits, x = torch.tensor([[math.log(3.0), -100.0]]), torch.tensor([[1.0, 0.0]])
    check.close(
        student.denoising_loss(logits, x), -math.log(0.75), "p = 0.75 and 0 for x = 1 and 0."
    )


@pytest.mark.task("denoising_loss")
def test_loss_sums_pixels_and_averages_examples(student: Any) -> None:
    logits, x = torch.randn(3, 4), torch.rand(3, 4)
    one = check.scalar(student.denoising_loss(logits, x), "The loss is one number.")
    check.that(one > 0, "The loss of a random guess must be positive.", got=one, expected="above 0")
    batch = student.denoising_loss(logits.repeat(2, 1), x.repeat(2, 1))
    check.close(
        batch, one, "Each image twice must not change the loss: take the mean over the batch."
    )
    wide = student.denoising_loss(logits.repeat(1, 2), x.repeat(1, 2))
    check.close(wide, 2 * one, "Each pixel twice must double the loss: sum over the pixels.")


# ---------------------------------------------------------------- psnr


@pytest.mark.task("psnr")
def test_psnr_worked_numbers(student: Any) -> None:
    x = torch.zeros(2, 4)
    y = torch.tensor([[0.1, 0.1, 0.1, 0.1], [1.0, 1.0, 1.0, 1.0]])
    got = check.shape(student.psnr(x, y), (2,), "psnr gives one number for each image.")
    symptom = "mse 0.01 is 20 dB, mse 1 is 0 dB."
    check.close(got, torch.tensor([20.0, 0.0]), symptom, atol=1e-4)
    got = student.psnr(x.reshape(2, 1, 2, 2), y.reshape(2, 1, 2, 2))
    check.shape(got, (2,), "Images (B, C, H, W) must give one number each, too.")
    check.close(got, torch.tensor([20.0, 0.0]), symptom, atol=1e-4)


@pytest.mark.task("psnr")
def test_psnr_max_value(student: Any) -> None:
    x, y = torch.zeros(1, 4), torch.full((1, 4), 25.5)
    got = student.psnr(x, y, max_value=255.0)
    check.close(got, torch.tensor([20.0]), "An error of a tenth of the range is 20 dB.", atol=1e-4)
