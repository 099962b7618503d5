"""Hidden tests of the denoising autoencoder: the laws of the noise, gradients, edges, other sizes.

A test first compares with the judge's own numbers. Where a function is built from others, it may
instead agree with the student's own parts: their mistakes lose points in their own tasks only.
"""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from grading import check

KINDS = ["gaussian", "mask", "salt_pepper"]
SIZES = [(7, 9, 8, 5), (4, 4, 4, 4), (1, 6, 5, 3), (3, 5, 6, 1)]  # (B, F, H, D)
SIZE_NAMES = ["wide", "square", "one_row", "one_latent"]


class Layers(nn.Module):
    """The provided layers once more, with biases far from zero."""

    def __init__(self, n_in: int, n_hidden: int, n_latent: int, reach: float = 2.0) -> None:
        super().__init__()
        self.enc = nn.Sequential(nn.Linear(n_in, n_hidden), nn.ReLU())
        self.code = nn.Linear(n_hidden, n_latent)
        self.dec = nn.Sequential(
            nn.Linear(n_latent, n_hidden), nn.ReLU(), nn.Linear(n_hidden, n_in)
        )
        with torch.no_grad():
            # One unit that is always on, so that no layer is dead as a whole.
            self.enc[0].bias[0], self.dec[0].bias[0] = 4.0, 20.0
            self.code.bias.copy_(torch.linspace(-reach, 0.9 * reach, n_latent))
            self.dec[2].bias.copy_(torch.linspace(-reach, reach, n_in))


def same_layers(student: Any, *sizes: int, reach: float = 2.0) -> tuple[Any, Layers]:
    """A model of the student's and the judge's layers, with the same weights."""
    ours, model = Layers(*sizes, reach=reach), student.DenoisingAutoencoder(*sizes)
    try:
        model.load_state_dict(ours.state_dict())
    except RuntimeError as error:
        raise check.Mismatch(
            "Leave the layers in __init__ as they are provided.",
            "other names or shapes of weights",
            "those of the provided layers",
        ) from error
    return model, ours


def is_close(got: Any, expected: Any, rtol: float = 1e-4, atol: float = 1e-5) -> bool:
    try:
        check.close(got, expected, "", rtol=rtol, atol=atol)
    except check.Mismatch:
        return False
    return True


def gradients(model: Any, got: Any, ours: Layers, due: Tensor) -> list[tuple[str, Tensor, Tensor]]:
    """Each parameter's name and its gradients on the two sides."""
    theirs = dict(model.named_parameters())
    names = [name for name, _ in ours.named_parameters()]
    have = check.gradient(got, [theirs[name] for name in names], allow_unused=True)
    want = check.gradient(due, list(ours.parameters()), allow_unused=True)
    return list(zip(names, have, want, strict=True))


def same_gradients(model: Any, got: Any, ours: Layers, due: Tensor) -> None:
    for name, have, want in gradients(model, got, ours, due):
        symptom = f"The gradient of {name} is wrong: is a part cut?"
        check.close(have, want, symptom, rtol=1e-3, atol=1e-4)


# ---------------------------------------------------------------- corrupt


def hits_are_independent(hit: Tensor, level: float, what: str) -> None:
    """Rate and independence of hits (N, D): 5 z-tests at 6 standard errors, < 1e-8 in all."""
    n, d = hit.shape
    e = (hit.double() - level) / math.sqrt(level * (1 - level))
    bound = 6 * math.sqrt(level * (1 - level) / (n * d))
    share = hit.double().mean()
    symptom = f"{what}: the share of hit pixels is not level."
    check.between(share, level - bound, level + bound, symptom, name="share")
    for lag, axis, name in ((1, 0, "rows"), (1, 1, "columns"), (2, 1, "columns"), (3, 0, "rows")):
        cross = (e * e.roll(lag, axis)).mean()
        bound = 6 / math.sqrt(n * d)
        symptom = f"{what}: {name} share their noise, draw each pixel."
        check.between(cross, -bound, bound, symptom, name=f"correlation of {name}")
    # The number of hits in a row varies as in independent draws: n rows, at 6 standard errors.
    spread = (e.sum(1) / math.sqrt(d)).pow(2).mean()
    kurtosis = (1 - 6 * level * (1 - level)) / (level * (1 - level)) / d
    bound = 6 * math.sqrt((2 + kurtosis) / n)
    symptom = f"{what}: the number of hit pixels in an image does not vary as it must."
    measured = "variance of the hits in an image, over that of independent draws:"
    check.between(spread, 1 - bound, 1 + bound, symptom, name=measured)


@pytest.mark.task("corrupt")
@pytest.mark.parametrize("level", [0.15, 0.6])
def test_corrupt_mask_law(student: Any, level: float) -> None:
    # 30,000 pixels; an inverted rate is 100, whole rows 300, a fixed count 40 errors away.
    x = 0.2 + 0.8 * torch.rand(1500, 20)
    before = x.clone()
    noisy = check.shape(student.corrupt(x=x, kind="mask", level=level), (1500, 20))
    check.unchanged([before], [x])
    hit = noisy != x
    check.between(
        noisy[hit], 0.0, 0.0, "A pixel is changed to something else than 0.", name="pixel"
    )
    hits_are_independent(hit, level, "mask")


@pytest.mark.task("corrupt")
@pytest.mark.parametrize("level", [0.2, 0.7])
def test_corrupt_salt_pepper_law(student: Any, level: float) -> None:
    # 30,000 pixels; the share of salt among the hits likewise at 6 standard errors.
    x = 0.2 + 0.6 * torch.rand(1500, 20)
    before = x.clone()
    noisy = check.shape(student.corrupt(x, "salt_pepper", level), (1500, 20))
    check.unchanged([before], [x])
    hit = noisy != x
    values = noisy[hit]
    salted = (values == 0) | (values == 1)
    check.that(
        bool(salted.all()),
        "A replaced pixel must be exactly 0 or 1.",
        got=values[~salted],
        expected="0 or 1 each",
    )
    hits_are_independent(hit, level, "salt_pepper")
    salt = (noisy == 1).double()
    bound = 6 * 0.5 / math.sqrt(max(len(values), 1))
    share = salt.sum() / max(len(values), 1)
    symptom = "Salt and pepper must be equally frequent."
    what = "share of 1 among the replaced pixels:"
    check.between(share, 0.5 - bound, 0.5 + bound, symptom, name=what)
    hits_are_independent(salt, level / 2, "salt")
    cross = ((2 * values - 1) * (x[hit] - 0.5)).double().mean() / (0.6 / math.sqrt(12))
    symptom = "Whether a pixel becomes 0 or 1 must not depend on what it was."
    check.between(cross, -2 * bound, 2 * bound, symptom, name="correlation")


@pytest.mark.task("corrupt")
@pytest.mark.parametrize("level", [0.02, 0.07])
def test_corrupt_gaussian_law(student: Any, level: float) -> None:
    # 8,000 numbers, no clamping within 7 standard deviations of 0.5; 14 z-tests at 6 standard
    # errors (false alarms < 3e-8). Variance for deviation is a factor of 14 or more.
    x = torch.full((4000, 2), 0.5, dtype=torch.float64)
    noisy = student.corrupt(x, kind="gaussian", level=level)
    check.shape(noisy, (4000, 2))
    check.standard_normal((noisy - x) / level, "gaussian: the noise over level")


@pytest.mark.task("corrupt")
def test_corrupt_gaussian_clamps(student: Any) -> None:
    # 8,000 pixels at the edge: half of them are clamped, at 6 standard errors (2e-9 each).
    x = torch.tensor([0.0, 1.0]).repeat(4000, 1)
    noisy = student.corrupt(x, kind="gaussian", level=0.5)
    check.between(noisy, 0.0, 1.0, "Gaussian noise must be clamped to [0, 1].", name="pixel")
    bound = 6 * 0.5 / math.sqrt(4000)
    for column, edge in ((0, 0.0), (1, 1.0)):
        share = (noisy[:, column] == edge).double().mean()
        symptom = "About half of the black and of the white pixels must stay where they are."
        what = f"share of the pixels at {edge:g} that stay there:"
        check.between(share, 0.5 - bound, 0.5 + bound, symptom, name=what)
    # Clamped: 2.3 % of each column reach the other end, with level 0.5 two deviations away.
    far = (noisy[:, 0] == 1).double().mean()
    bound = 6 * math.sqrt(0.0228 * 0.9772 / 4000)
    symptom = (
        "With level 0.5 a wrong share of black pixels turns white: clamp, do not reflect or scale."
    )
    what = "share of the black pixels that turn white:"
    check.between(far, 0.0228 - bound, 0.0228 + bound, symptom, name=what)


@pytest.mark.task("corrupt")
@pytest.mark.parametrize("kind", KINDS)
def test_corrupt_shapes_and_dtypes(student: Any, kind: str) -> None:
    for shape in ((6,), (1, 5), (2, 1, 8, 8)):
        for dtype in (torch.float32, torch.float64):
            x = torch.rand(shape, dtype=dtype)
            noisy = check.shape(student.corrupt(x, kind, 0.4), shape, "The shape must not change.")
            check.dtype(noisy, dtype, "The dtype must not change.")
    image = torch.full((1, 3, 40, 40), 0.5)
    noisy = student.corrupt(image, kind, 0.4)[0]
    # Equal channels or rows by chance: probability 1e-10 and less.
    check.differ(noisy[0], noisy[1], "The channels of an image share their noise.")
    check.differ(noisy[0, 0], noisy[0, 1], "The rows of an image share their noise.")


@pytest.mark.task("corrupt")
@pytest.mark.parametrize("kind", KINDS)
def test_corrupt_fresh_noise(student: Any, kind: str) -> None:
    x = torch.rand(5, 40)
    before = x.clone()
    torch.manual_seed(8)
    first = check.shape(student.corrupt(x, kind, 0.5), (5, 40))
    check.between(first, 0.0, 1.0, "A noisy image must stay in [0, 1].", name="pixel")
    second = student.corrupt(x, kind, 0.5)
    check.differ(first, second, "Two calls give the same noise: do not fix a seed.")
    torch.manual_seed(8)
    symptom = "torch.manual_seed does not make the noise repeatable: use torch's generator."
    check.close(student.corrupt(x, kind, 0.5), first, symptom)
    check.unchanged([before], [x])


@pytest.mark.task("corrupt")
def test_corrupt_edges(student: Any) -> None:
    x = 0.1 + 0.8 * torch.rand(4, 30)
    symptom = "With level 1 every pixel must be 0."
    check.close(student.corrupt(x, "mask", 1.0), torch.zeros(4, 30), symptom)
    noisy = student.corrupt(x, "salt_pepper", 1.0)
    kept = noisy[(noisy != 0) & (noisy != 1)]
    symptom = "With level 1 every pixel is replaced."
    check.that(not kept.numel(), symptom, got=kept, expected="0 or 1 each")
    for kind in ("", "Mask", "salt"):
        try:
            student.corrupt(x, kind, 0.3)
        except ValueError:
            continue
        raise check.Mismatch(f"kind {kind!r} must raise ValueError.", "no error", "ValueError")


@pytest.mark.task("corrupt")
def test_corrupt_defaults(student: Any) -> None:
    # 30,000 pixels at 0.3, at 6 standard errors.
    x = torch.full((1500, 20), 0.7)
    noisy = check.shape(student.corrupt(x), (1500, 20))
    hits_are_independent(noisy == 0, 0.3, "the default, mask with level 0.3")


# ---------------------------------------------------------------- the model


@pytest.mark.task("encode")
@pytest.mark.parametrize("size", SIZES, ids=SIZE_NAMES)
def test_encode_moved_weights(student: Any, size: tuple[int, ...]) -> None:
    batch, *sizes = size
    model, ours = same_layers(student, *sizes, reach=12.0)
    x = torch.rand(batch, sizes[0])
    before = x.clone()
    check.close(
        model.encode(x),
        ours.code(ours.enc(x)),
        "The code is not W h + b: any real number may come out, so no activation, clamp or noise.",
    )
    check.unchanged([before], [x])


@pytest.mark.task("encode")
def test_encode_gradient(student: Any) -> None:
    model, ours = same_layers(student, 6, 5, 3)
    model.double().eval(), ours.double()
    x, a = torch.rand(4, 6, dtype=torch.float64), torch.randn(4, 3, dtype=torch.float64)
    z, due = model.encode(x), ours.code(ours.enc(x))
    check.close(z, due, "In float64 the code is not what the layers give.", rtol=1e-9)
    same_gradients(model, (a * z).sum(), ours, (a * due).sum())


@pytest.mark.task("decode")
@pytest.mark.parametrize("size", SIZES, ids=SIZE_NAMES)
def test_decode_moved_weights(student: Any, size: tuple[int, ...]) -> None:
    batch, *sizes = size
    model, ours = same_layers(student, *sizes, reach=14.0)
    z = (3 * torch.randn(batch, sizes[2])).requires_grad_()
    a = torch.randn(batch, sizes[0])
    logits, due = model.decode(z), ours.dec(z)
    check.close(
        logits,
        due,
        "The logits are not what the layer dec gives: any real number may come out, so no "
        "sigmoid, tanh or clamp.",
    )
    same_gradients(model, (a * logits).sum(), ours, (a * due).sum())
    (got,), (want,) = check.gradient((a * logits).sum(), [z]), check.gradient((a * due).sum(), [z])
    check.close(got, want, "The gradient with respect to z is wrong: the encoder needs it.")


USES_FORWARD = pytest.mark.uses("DenoisingAutoencoder.encode", "DenoisingAutoencoder.decode")


@pytest.mark.task("forward")
@USES_FORWARD
@pytest.mark.parametrize("size", SIZES, ids=SIZE_NAMES)
@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
def test_forward_value(student: Any, size: tuple[int, ...], training: bool) -> None:
    batch, *sizes = size
    model, ours = same_layers(student, *sizes)
    model.train(training)
    x = torch.rand(batch, sizes[0])
    logits, due = model(x), ours.dec(ours.code(ours.enc(x)))
    if is_close(logits, due):
        return
    own = model.decode(model.encode(x))
    check.that(
        not is_close(own, model.decode(model.encode(1 - x))),
        "The logits do not depend on x.",
        got="the same logits for x and 1 - x",
        expected="other logits",
    )
    mode = "training" if training else "eval"
    check.close(logits, own, f"In {mode} mode forward is not decode(encode(x)).")


@pytest.mark.task("forward")
@USES_FORWARD
def test_forward_gradient(student: Any) -> None:
    model, ours = same_layers(student, 6, 5, 3)
    x, a = torch.rand(4, 6), torch.randn(4, 6)
    logits, due = model(x), ours.dec(ours.code(ours.enc(x)))
    pairs = gradients(model, (a * logits).sum(), ours, (a * due).sum())
    if not all(is_close(have, want, rtol=1e-3, atol=1e-4) for _, have, want in pairs):
        params = dict(model.named_parameters())
        have = check.gradient((a * logits).sum(), list(params.values()), allow_unused=True)
        composed = (a * model.decode(model.encode(x))).sum()
        own = check.gradient(composed, list(params.values()), allow_unused=True)
        for name, grad, want in zip(params, have, own, strict=True):
            symptom = f"The gradient of {name} is wrong: is something cut between x and the logits?"
            check.close(grad, want, symptom, rtol=1e-3, atol=1e-4)


# ---------------------------------------------------------------- denoising_loss


def loss_oracle(logits: Tensor, x: Tensor) -> Tensor:
    l64, x64 = logits.double(), x.double()
    terms = torch.relu(l64) - l64 * x64 + torch.log1p(torch.exp(-l64.abs()))
    return terms.sum() / len(x)


@pytest.mark.task("denoising_loss")
@pytest.mark.parametrize(
    "size", [(7, 5), (4, 4), (1, 6), (5, 1)], ids=["wide", "square", "one_row", "one_pixel"]
)
def test_loss_value(student: Any, size: tuple[int, int]) -> None:
    logits, x = 3 * torch.randn(size), torch.rand(size)
    before = [logits.clone(), x.clone()]
    check.close(
        student.denoising_loss(logits=logits, x_clean=x),
        loss_oracle(logits, x).float(),
        "The loss is not -sum[x log p + (1 - x) log(1 - p)], mean over the batch.",
    )
    check.unchanged(before, [logits, x])


@pytest.mark.task("denoising_loss")
def test_loss_saturated(student: Any) -> None:
    logits = torch.tensor([[200.0, -200.0, 30.0], [-200.0, 200.0, 0.0]])
    x = torch.tensor([[0.0, 0.0, 1.0], [1.0, 1.0, 0.5]])
    due = loss_oracle(logits, x).float()
    symptom = "With logits of 200 the loss must stay finite and exact: use the logits themselves."
    check.close(student.denoising_loss(logits, x), due, symptom)


@pytest.mark.task("denoising_loss")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
def test_loss_gradient(student: Any, dtype: torch.dtype) -> None:
    logits = (2 * torch.randn(5, 3, dtype=dtype)).requires_grad_()
    x = torch.rand(5, 3, dtype=dtype)
    loss = student.denoising_loss(logits, x)
    check.close(
        loss.detach(),
        loss_oracle(logits, x).to(dtype).detach(),
        "The loss is not -sum[x log p + (1 - x) log(1 - p)], mean over the batch.",
    )
    (grad,) = check.gradient(loss, [logits])
    due = (torch.sigmoid(logits.detach()) - x) / 5
    check.close(grad, due, "The gradient must be (p - x) / B.")


# ---------------------------------------------------------------- psnr


@pytest.mark.task("psnr")
@pytest.mark.parametrize(
    "shape", [(7, 5), (4, 4), (1, 6), (3, 1, 4, 5), (2, 6, 3)],
    ids=["wide", "square", "one_row", "images", "3d"],
)  # fmt: skip
def test_psnr_value(student: Any, shape: tuple[int, ...]) -> None:
    x, y, peak = torch.rand(shape), torch.rand(shape), 1.7
    before = [x.clone(), y.clone()]
    mse = torch.stack([((a - b).double() ** 2).mean() for a, b in zip(x, y, strict=True)])
    due = (20 * math.log10(peak) - 10 * mse.log10()).float()
    got = student.psnr(x=x, y=y, max_value=peak)
    check.shape(got, (shape[0],), "psnr gives one number for each image.")
    check.close(got, due, "psnr is not 10 log10(max_value^2 / mse) of each image.", atol=1e-4)
    check.close(student.psnr(y, x, peak), got, "psnr must not depend on the order of x and y.")
    check.unchanged(before, [x, y])


@pytest.mark.task("psnr")
def test_psnr_relations(student: Any) -> None:
    x, error = torch.rand(3, 8), 0.1 * torch.randn(3, 8)
    one = student.psnr(x, x + error)
    tenth = student.psnr(x, x + 0.1 * error)
    check.close(tenth, one + 20, "A tenth of the error must give 20 dB more.", atol=2e-2)
    scaled = student.psnr(255 * x, 255 * (x + error), max_value=255.0)
    check.close(scaled, one, "Scaling images and max_value by 255 must change nothing.", atol=1e-2)
    default = student.psnr(x, x + error, 1.0)
    check.close(one, default, "max_value is 1 when it is not given.")
    check.close(one[1:2], student.psnr(x[1:2], (x + error)[1:2]), "Images must not mix.")


@pytest.mark.task("psnr")
def test_psnr_tiny_errors(student: Any) -> None:
    x = torch.zeros(2, 4, dtype=torch.float64)
    got = student.psnr(x, x + torch.tensor([[1e-6], [1e-9]], dtype=torch.float64))
    symptom = "Tiny errors have a high ratio (120 and 180 dB): is there an epsilon in the mse?"
    check.close(got, torch.tensor([120.0, 180.0], dtype=torch.float64), symptom, rtol=1e-5)
