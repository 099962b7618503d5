"""Hidden tests of the image diffusion model: other sizes, the law of the noise, gradients, edges.

A test first compares with the judge's own numbers. Where a function is built from others, it may
instead agree with the student's own parts: their mistakes lose points in their own tasks only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grading import check

# (c_in, c_out, t_dim, B, H, W); in the squares, wrong axes raise no error.
BLOCKS = [(3, 5, 4, 2, 6, 3), (4, 4, 4, 4, 4, 4), (8, 8, 3, 1, 2, 5), (16, 8, 8, 8, 8, 8)]
BLOCK_NAMES = ["wider", "square", "same", "narrower"]


class Block(nn.Module):
    """The provided layers of ResidualBlock once more, on the judge's side."""

    def __init__(self, c_in: int, c_out: int, t_dim: int) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(1, c_in)
        self.conv1 = nn.Conv2d(c_in, c_out, 3, padding=1)
        self.time = nn.Linear(t_dim, c_out)
        self.norm2 = nn.GroupNorm(1, c_out)
        self.conv2 = nn.Conv2d(c_out, c_out, 3, padding=1)
        self.skip = nn.Identity() if c_in == c_out else nn.Conv2d(c_in, c_out, 1)

    def forward(self, x: Tensor, t_emb: Tensor) -> Tensor:
        h = self.conv1(F.silu(self.norm1(x)))
        h = h + self.time(t_emb).reshape(*h.shape[:2], 1, 1)
        return self.conv2(F.silu(self.norm2(h))) + self.skip(x)


def pair(student: Any, c_in: int, c_out: int, t_dim: int) -> tuple[Any, Block]:
    """A block of the student's and the judge's, with the same weights, far from their start."""
    ours = Block(c_in, c_out, t_dim)
    with torch.no_grad():
        for p in ours.parameters():
            p.add_(0.3 * torch.randn_like(p))
    block = student.ResidualBlock(c_in, c_out, t_dim)
    try:
        block.load_state_dict(ours.state_dict())
    except RuntimeError as error:
        raise check.Mismatch(
            "Leave the layers of __init__ as they are provided.",
            "other names or shapes of weights",
            "those of the provided layers",
        ) from error
    return block, ours


def alpha_bar_of(betas: Tensor) -> Tensor:
    return torch.stack([torch.prod(1 - betas[: i + 1]) for i in range(len(betas))])


def is_close(got: Any, expected: Tensor, rtol: float = 1e-4, atol: float = 1e-4) -> bool:
    try:
        check.close(got, expected, "", rtol=rtol, atol=atol)
    except check.Mismatch:
        return False
    return True


def with_any(options: Iterator[Any], test: Callable[[Any], None]) -> None:
    """Pass when one option passes the test; else the first one's failure counts."""
    first: check.Mismatch | None = None
    for option in options:
        try:
            return test(option)
        except check.Mismatch as error:
            first = first or error
    assert first is not None
    raise first


# ---------------------------------------------------------------- ResidualBlock


@pytest.mark.task("residual_block")
@pytest.mark.parametrize("size", BLOCKS, ids=BLOCK_NAMES)
def test_block_any_size(student: Any, size: tuple[int, ...]) -> None:
    c_in, c_out, t_dim, batch, height, width = size
    block, ours = pair(student, c_in, c_out, t_dim)
    x, t_emb = 2 * torch.randn(batch, c_in, height, width), torch.randn(batch, t_dim)
    symptom = "The block is not conv2(silu(norm2(conv1(silu(norm1(x))) + time(t_emb)))) + skip(x)."
    check.close(block(x, t_emb), ours(x, t_emb), symptom, rtol=1e-3, atol=1e-3)


@pytest.mark.task("residual_block")
def test_block_time_reaches_its_channel(student: Any) -> None:
    # B == c_out == H == W: a time embedding on the wrong axis raises no error.
    block, ours = pair(student, 4, 4, 2)
    x, t_emb = torch.randn(4, 4, 4, 4), 3 * torch.randn(4, 2)
    symptom = "time(t_emb) must be added to every pixel, one number for each image and channel."
    check.close(block(x, t_emb), ours(x, t_emb), symptom, rtol=1e-3, atol=1e-3)
    check.that(
        not torch.allclose(block(x, t_emb), block(x, t_emb.flip(0))),
        "t_emb makes no difference.",
        got="the same for another t_emb",
        expected="another result",
    )


@pytest.mark.task("residual_block")
def test_block_identity_path(student: Any) -> None:
    for c_in, c_out in ((6, 6), (6, 4)):
        block, ours = pair(student, c_in, c_out, 3)
        with torch.no_grad():
            ours.conv2.weight.zero_()
            ours.conv2.bias.zero_()
        block.load_state_dict(ours.state_dict())
        x = 5 * torch.randn(3, c_in, 4, 6)
        symptom = (
            "With a second convolution of zeros, only skip(x) must be left, negative values too."
        )
        check.close(block(x, torch.randn(3, 3)), ours.skip(x), symptom)


@pytest.mark.task("residual_block")
def test_block_gradient_in_float64(student: Any) -> None:
    block, ours = pair(student, 4, 6, 3)
    block.double()
    ours.double()
    x, t_emb = torch.randn(2, 4, 5, 4, dtype=torch.float64), torch.randn(2, 3, dtype=torch.float64)
    a = torch.randn(2, 6, 5, 4, dtype=torch.float64)
    theirs = [x.clone().requires_grad_(), t_emb.clone().requires_grad_()]
    mine = [x.clone().requires_grad_(), t_emb.clone().requires_grad_()]
    got, due = block(*theirs), ours(*mine)
    check.close(
        got,
        due,
        "In float64 the block is wrong: is a number rounded to float32 on the way?",
        rtol=1e-8,
        atol=1e-8,
    )
    names = [name for name, _ in ours.named_parameters()]
    of_student = dict(block.named_parameters())
    have = check.gradient((a * got).sum(), [*theirs, *(of_student[name] for name in names)])
    want = check.gradient((a * due).sum(), [*mine, *ours.parameters()])
    for name, left, right in zip(["x", "t_emb", *names], have, want, strict=True):
        symptom = f"The gradient of {name} is wrong: is a part cut from the graph?"
        check.close(left, right, symptom, rtol=1e-6, atol=1e-8)


@pytest.mark.task("residual_block")
def test_block_treats_images_alike_in_eval_mode(student: Any) -> None:
    block, ours = pair(student, 3, 3, 4)
    block.eval()
    x, t_emb = torch.randn(5, 3, 4, 4), torch.randn(5, 4)
    before = [x.clone(), t_emb.clone()]
    one = block(x[2:3], t_emb[2:3])
    symptom = "An image's result depends on the other images of the batch."
    check.close(block(x, t_emb)[2:3], one, symptom, atol=1e-4)
    symptom = "In eval mode the result for one image is wrong."
    check.close(one, ours(x[2:3], t_emb[2:3]), symptom, atol=1e-3)
    check.unchanged(before, [x, t_emb])


# ---------------------------------------------------------------- TinyUNet


def composed(unet: Any, x: Tensor, t: Tensor, skip_first: bool) -> Tensor:
    """The net put together from its own parts by the judge, wrong ones included."""
    t_emb = unet.time(t)
    skip = unet.down(unet.first(x), t_emb)
    grown = unet.grow(unet.middle(unet.shrink(skip), t_emb))
    both = torch.cat([skip, grown] if skip_first else [grown, skip], dim=1)
    return unet.last(unet.up(both, t_emb))


def shaken(student: Any, channels: int, t_dim: int, in_channels: int = 1) -> Any:
    unet = student.TinyUNet(channels, t_dim, in_channels=in_channels)
    weights = unet.state_dict()
    unet.load_state_dict({k: v + 0.1 * torch.randn_like(v) for k, v in weights.items()})
    return unet


def orders(unet: Any, x: Tensor, t: Tensor) -> Iterator[Tensor]:
    for skip_first in (False, True):
        yield composed(unet, x, t, skip_first)


USES_TINY_UNET = pytest.mark.uses("ResidualBlock.forward")


@pytest.mark.task("tiny_unet")
@USES_TINY_UNET
@pytest.mark.parametrize(
    ("channels", "in_channels", "size"),
    [(8, 1, (3, 8, 8)), (4, 3, (2, 6, 10)), (8, 8, (8, 8, 8)), (6, 1, (1, 2, 4))],
    ids=["digits", "color", "square", "small"],
)
def test_unet_any_size(
    student: Any, channels: int, in_channels: int, size: tuple[int, int, int]
) -> None:
    batch, height, width = size
    unet = shaken(student, channels, 7, in_channels)
    x, t = 2 * torch.randn(batch, in_channels, height, width), torch.randint(0, 900, (batch,))
    eps = unet(x, t)
    check.shape(eps, x.shape, "The predicted noise must be shaped like the image.")

    def test(due: Tensor) -> None:
        symptom = (
            "The net is not last(up(cat(grow(middle(shrink(s))), s))) with s = down(first(x))."
        )
        check.close(eps, due, symptom, rtol=1e-3, atol=1e-3)

    with_any(orders(unet, x, t), test)


@pytest.mark.task("tiny_unet")
@USES_TINY_UNET
def test_unet_output_is_not_bounded(student: Any) -> None:
    unet = shaken(student, 4, 5)
    with torch.no_grad():
        unet.last.bias.fill_(-40.0)
    x, t = torch.randn(2, 1, 4, 4), torch.tensor([1, 7])
    symptom = "With a bias of -40 the result must be far below -1: no activation at the end."
    eps = check.shape(unet(x, t), (2, 1, 4, 4))
    check.between(eps, -60.0, -20.0, symptom, name="a number of the result")
    symptom = "With a bias of -40 the net is not its parts in the order that the docstring names."
    with_any(orders(unet, x, t), lambda due: check.close(eps, due, symptom, rtol=1e-3, atol=1e-2))


@pytest.mark.task("tiny_unet")
@USES_TINY_UNET
def test_unet_gradient_reaches_every_part(student: Any) -> None:
    unet = shaken(student, 4, 5)
    x, t, a = torch.randn(2, 1, 4, 6), torch.tensor([3, 70]), torch.randn(2, 1, 4, 6)
    parameters = dict(unet.named_parameters())
    have = check.gradient((a * unet(x, t)).sum(), list(parameters.values()), allow_unused=True)

    def test(skip_first: bool) -> None:
        due = (a * composed(unet, x, t, skip_first)).sum()
        want = check.gradient(due, list(parameters.values()), allow_unused=True)
        for name, left, right in zip(parameters, have, want, strict=True):
            symptom = f"The gradient of {name} is wrong: is a part cut off or left out?"
            check.close(left, right, symptom, rtol=1e-2, atol=1e-3)

    with_any(iter((False, True)), test)
    for name in ("first", "time", "shrink", "grow", "last"):
        used = any(
            bool(g.abs().max() > 0)
            for k, g in zip(parameters, have, strict=True)
            if k.startswith(name)
        )
        symptom = f"The part {name} gets no gradient: it is never trained."
        check.that(used, symptom, got="a gradient of 0 everywhere", expected="another somewhere")


@pytest.mark.task("tiny_unet")
@USES_TINY_UNET
def test_unet_each_image_has_its_own_time(student: Any) -> None:
    unet = shaken(student, 4, 5)
    x, t = torch.randn(1, 1, 4, 4).expand(3, 1, 4, 4), torch.tensor([2, 500, 2])
    eps = check.shape(unet(x, t), (3, 1, 4, 4))
    check.close(eps[0], eps[2], "Equal images with equal t must have equal results.", atol=1e-4)
    check.that(
        not is_close(eps[0], eps[1]),
        "Equal images with another t must have another result.",
        got="the same at t = 2 and t = 500",
        expected="another result",
    )
    one = unet(x[1:2].contiguous(), t[1:2])
    check.close(eps[1:2], one, "An image's result depends on the t of others.", atol=1e-3)


# ---------------------------------------------------------------- training_step


class Affine(nn.Module):
    """A model with two weights that notes what it is asked."""

    def __init__(self, scale: float, shift: float) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(scale))
        self.shift = nn.Parameter(torch.tensor(shift))
        self.seen: list[tuple[Any, Any]] = []

    def forward(self, x_t: Tensor, t: Any) -> Tensor:
        self.seen.append((x_t.detach().clone(), t.clone() if isinstance(t, Tensor) else t))
        return self.scale * x_t + self.shift


def one_step(
    student: Any, model: Affine, optimizer: Any, x0: Tensor, alpha_bar: Tensor
) -> tuple[Any, Tensor, Tensor, Tensor]:
    """(loss, x_t, t, the noise in x_t) of one training step."""
    with student.in_place(model):
        loss = student.training_step(model=model, optimizer=optimizer, x0=x0, alpha_bar=alpha_bar)
    check.equal(len(model.seen), 1, "The model must be called once in a step.")
    x_t, t = model.seen.pop()
    symptom = "The model must get t as a tensor."
    check.that(isinstance(t, Tensor), symptom, got=check.show(t), expected="a tensor")
    check.shape(t, x0.shape[:1], "The model must get t with shape (B,): one number for each image.")
    symptom = "The model must get t as whole numbers."
    check.that(not t.dtype.is_floating_point, symptom, got=str(t.dtype), expected="torch.int64")
    check.between(t, 0, len(alpha_bar) - 1, "t must lie between 0 and T - 1.", name="t")
    check.shape(x_t, x0.shape, "x_t must be shaped like x0.")
    ab = alpha_bar[t.long()].reshape(-1, 1, 1, 1)
    return loss, x_t, t, (x_t - ab.sqrt() * x0) / (1 - ab).sqrt()


@pytest.mark.task("training_step")
def test_step_noise_and_time(student: Any) -> None:
    # 10,000 numbers of noise, 14 z-tests, and 12 + 2 of t, all at 6 standard errors: false alarms
    # below 6e-8. A t that never is 0 or T-1 is 15 standard errors off, uniform noise 13.
    n, T = 2500, 8
    alpha_bar, x0 = alpha_bar_of(torch.linspace(0.05, 0.4, T)), torch.randn(n, 1, 2, 2)
    model = Affine(0.3, 0.1)
    optimizer = student.make("torch.optim.SGD", list(model.parameters()), 0.01)
    loss, x_t, t, noise = one_step(student, model, optimizer, x0, alpha_bar)
    check.standard_normal(noise.flatten(1), "The noise that training_step mixes in")
    symptom = "The loss is not the mean of (noise - model(x_t, t))^2 for the noise in x_t."
    check.close(loss, float((0.3 * x_t + 0.1 - noise).pow(2).mean()), symptom, rtol=1e-3)
    count = torch.bincount(t.long(), minlength=T).double()
    error = math.sqrt(n / T * (1 - 1 / T))
    symptom = "t must be uniform on 0 ... T-1: some steps come too often or too seldom."
    measured = f"times that a step came in {n} draws:"
    check.between(count, n / T - 6 * error, n / T + 6 * error, symptom, name=measured)
    u = (t.double() - t.double().mean()) / t.double().std()
    symptom = "t must be drawn for each image on its own, not in order."
    cross, bound = (u[1:] * u[:-1]).mean(), 6 / math.sqrt(n)
    check.between(cross, -bound, bound, symptom, name="correlation of t with the next")


@pytest.mark.task("training_step")
@pytest.mark.parametrize("size", [(5, 3, 4, 2), (4, 4, 4, 4), (1, 1, 6, 6)], ids=str)
def test_steps_follow_the_gradient(student: Any, size: tuple[int, ...]) -> None:
    alpha_bar, x0 = alpha_bar_of(torch.linspace(0.05, 0.4, 9)), torch.randn(size)
    model = Affine(0.5, -0.2)
    optimizer = student.make("torch.optim.SGD", list(model.parameters()), 0.05)
    for number in range(3):
        w, b = model.scale.item(), model.shift.item()
        loss, x_t, _, noise = one_step(student, model, optimizer, x0, alpha_bar)
        error = w * x_t + b - noise
        symptom = "The loss is not the mean of (noise - model(x_t, t))^2, from before the step."
        check.close(loss, float(error.pow(2).mean()), symptom, rtol=2e-3, atol=1e-4)
        symptom = (
            "The weights were not moved by one step along the gradient of the loss."
            if number == 0
            else "A later step is wrong: are the old gradients cleared?"
        )
        due = w - 0.05 * float((2 * error * x_t).mean())
        check.close(model.scale.item(), due, symptom, rtol=2e-3, atol=1e-4)
        due = b - 0.05 * float((2 * error).mean())
        check.close(model.shift.item(), due, symptom, rtol=2e-3, atol=1e-4)


@pytest.mark.task("training_step")
def test_step_returns_a_number(student: Any) -> None:
    alpha_bar, x0 = alpha_bar_of(torch.linspace(0.05, 0.4, 9)), torch.randn(3, 1, 2, 2)
    model = Affine(0.5, 0.0)
    optimizer = student.make("torch.optim.SGD", list(model.parameters()), 0.05)
    with student.in_place(model):
        losses = [student.training_step(model, optimizer, x0, alpha_bar) for _ in range(2)]
    for loss in losses:
        check.scalar(loss, "training_step must return the loss, one finite number.")
        symptom = "The loss comes back with its graph: return a plain number (item)."
        check.that(
            not (isinstance(loss, Tensor) and loss.requires_grad),
            symptom,
            got="a result attached to the graph",
            expected="no graph",
        )
    calls = f"{len(model.seen)} calls in 2 steps"
    symptom = "The model must be called once in a step."
    check.that(len(model.seen) == 2, symptom, got=calls, expected="2 calls")
    symptom = "Two steps use the same noise: do not fix a seed."
    check.differ(model.seen[0][0], model.seen[1][0], symptom)


@pytest.mark.task("training_step")
def test_steps_learn_with_adam(student: Any) -> None:
    # Clean images of zeros: x_t is sqrt(1 - ab) noise, so the best weight is far above 1. Adam
    # moves 0.05 in each of 60 steps, whatever the gradient's size: 3.0 in all if it is right.
    alpha_bar, x0 = alpha_bar_of(torch.full((4,), 0.02)), torch.zeros(64, 1, 2, 2)
    model = Affine(0.0, 0.0)
    optimizer = student.make("torch.optim.Adam", list(model.parameters()), 0.05)
    with student.in_place(model):
        for _ in range(60):
            student.training_step(model, optimizer, x0, alpha_bar)
    symptom = "Training for 60 steps must make the model's weight grow from 0 to about 3."
    check.between(model.scale.item(), 2.4, 3.6, symptom, name="weight")


# ---------------------------------------------------------------- sample_images


class Spy(nn.Module):
    """A model of the judge's: notes what it is asked and answers `answer(x_t, t)`."""

    def __init__(self, answer: Callable[[Tensor, Any], Tensor]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))
        self.answer = answer
        self.seen: list[tuple[Any, Any]] = []
        self.graphs = 0

    def forward(self, x_t: Tensor, t: Any) -> Tensor:
        self.graphs += bool(x_t.requires_grad)
        self.seen.append((x_t.detach().clone(), t.clone() if isinstance(t, Tensor) else t))
        return self.weight * self.answer(x_t, t)


def always(image: Tensor, alpha_bar: Tensor) -> Callable[[Tensor, Any], Tensor]:
    """The best model for data that are all this one image: it knows the noise exactly."""

    def answer(x_t: Tensor, t: Any) -> Tensor:
        k = int(torch.as_tensor(t).reshape(-1)[0])
        ab = alpha_bar[min(max(k, 0), len(alpha_bar) - 1)]
        return (x_t - ab.sqrt() * image) / (1 - ab).sqrt()

    return answer


def told(spy: Spy, num_images: int, T: int) -> None:
    """The model must have been asked for T-1, ..., 0, with a (B,) tensor of whole numbers."""
    for _, t in spy.seen:
        symptom = "The model must get t as a tensor, one number per image."
        check.that(isinstance(t, Tensor), symptom, got=check.show(t), expected="a tensor")
        check.shape(t, (num_images,), "The model must get t with shape (B,).")
        symptom = "The model must get t as whole numbers."
        check.that(not t.dtype.is_floating_point, symptom, got=str(t.dtype), expected="torch.int64")
    due = [[k] * num_images for k in reversed(range(T))]
    symptom = "The model must be asked for t = T-1, ..., 1, 0, once for each."
    check.equal([t.tolist() for _, t in spy.seen], due, symptom)


@pytest.mark.task("sample_images")
@pytest.mark.parametrize(
    ("num_images", "size", "T"), [(3, 4, 9), (4, 4, 4), (1, 6, 1)], ids=["nine", "square", "one"]
)
def test_images_of_a_perfect_model(student: Any, num_images: int, size: int, T: int) -> None:
    betas = torch.linspace(0.05, 0.4, T)
    image = torch.rand(1, 1, size, size) * 1.9 - 0.95
    spy = Spy(always(image, alpha_bar_of(betas)))
    images = student.sample_images(model=spy, num_images=num_images, size=size, betas=betas)
    told(spy, num_images, T)
    symptom = "With a model that knows the noise exactly, every sample must be the one known image."
    check.close(images, image.expand(num_images, 1, size, size), symptom, atol=2e-3)


@pytest.mark.task("sample_images")
def test_images_start_from_standard_normal_noise(student: Any) -> None:
    # 8,000 numbers, 14 z-tests at 6 standard errors (false alarms < 3e-8); uniform noise of
    # variance 1 is 11 standard errors off in its fourth moment.
    spy = Spy(lambda x_t, t: torch.zeros_like(x_t))
    student.sample_images(spy, 2000, 2, torch.tensor([0.1, 0.2]))
    check.that(spy.seen, "The model was never called.", got="0 calls", expected="2 calls")
    start = check.shape(spy.seen[0][0], (2000, 1, 2, 2), "The start has the wrong shape.")
    check.standard_normal(start.flatten(1), "The start of the sampling")


@pytest.mark.task("sample_images")
def test_images_take_the_right_steps(student: Any) -> None:
    # With the one-image model the mean of each step is known; what is left must be noise of
    # variance beta_t or beta_t (1 - ab_{t-1}) / (1 - ab_t). 6,000 numbers in each of 4 steps,
    # 2 * 14 z-tests at 6 standard errors: false alarms < 3e-7 in all.
    n, T = 1500, 5
    betas = torch.tensor([0.1, 0.25, 0.15, 0.35, 0.3])
    ab = alpha_bar_of(betas)
    image = torch.rand(1, 1, 2, 2) * 1.8 - 0.9
    spy = Spy(always(image, ab))
    last = student.sample_images(spy, n, 2, betas)
    check.equal(len(spy.seen), T, "The model must be called once in each of the T steps.")
    states = [x_t for x_t, _ in spy.seen]
    for t in range(T - 1, 0, -1):
        x, after = states[T - 1 - t], check.shape(states[T - t], (n, 1, 2, 2))
        mean = (
            ab[t - 1].sqrt() * betas[t] * image + (1 - betas[t]).sqrt() * (1 - ab[t - 1]) * x
        ) / (1 - ab[t])
        tilde = betas[t] * (1 - ab[t - 1]) / (1 - ab[t])

        def test(var: Tensor, rest: Tensor = after - mean, t: int = t) -> None:
            check.standard_normal((rest / var.sqrt()).flatten(1), f"(x - mean) / sigma at t = {t}")

        with_any(iter((betas[t], tilde)), test)
    symptom = "At t = 0 the result must be the mean, without noise."
    check.close(last, image.expand(n, 1, 2, 2), symptom, atol=2e-3)


@pytest.mark.task("sample_images")
def test_images_lie_in_the_range(student: Any) -> None:
    betas = torch.linspace(0.05, 0.4, 6)
    image = torch.tensor([[1.6, -1.4], [0.5, -0.5]]).reshape(1, 1, 2, 2)
    spy = Spy(always(image, alpha_bar_of(betas)))
    images = student.sample_images(spy, 3, 2, betas)
    symptom = "The finished images must be clamped to [-1, 1]."
    check.between(images, -1.0, 1.0, symptom, name="a pixel")
    symptom = "Values inside [-1, 1] must stay as they are: clamp, do not squeeze or shift."
    check.close(images, image.clamp(-1, 1).expand(3, 1, 2, 2), symptom, atol=2e-3)


@pytest.mark.task("sample_images")
def test_images_need_no_graph_and_differ(student: Any) -> None:
    spy = Spy(lambda x_t, t: 0.1 * x_t)
    first, second = (student.sample_images(spy, 2, 4, torch.full((4,), 0.1)) for _ in range(2))
    for images in (first, second):
        check.shape(images, (2, 1, 4, 4), "The result must have shape (num_images, C, size, size).")
        symptom = "The finished images must lie in [-1, 1]."
        check.between(images, -1.0, 1.0, symptom, name="a pixel")
    symptom = "Each step adds to a graph: sample without gradients (no_grad), or memory fills up."
    check.that(
        not first.requires_grad and spy.graphs == 0,
        symptom,
        got="a result attached to the graph",
        expected="no graph",
    )
    check.differ(first, second, "Two calls give the same images: is a seed fixed?")
    torch.manual_seed(4)
    third = student.sample_images(spy, 2, 4, torch.full((4,), 0.1))
    torch.manual_seed(4)
    symptom = "torch.manual_seed does not repeat the images: use torch's global generator."
    check.close(student.sample_images(spy, 2, 4, torch.full((4,), 0.1)), third, symptom)


# ---------------------------------------------------------------- cosine_beta_schedule


@pytest.mark.task("cosine_beta_schedule")
@pytest.mark.parametrize(("T", "s"), [(10, 0.008), (50, 0.05), (1000, 0.008), (4, 0.2)], ids=str)
def test_cosine_any_length(student: Any, T: int, s: float) -> None:
    betas = check.shape(student.cosine_beta_schedule(T, s=s), (T,), "There are T betas.").double()
    f = [math.cos((u / T + s) / (1 + s) * math.pi / 2) ** 2 for u in range(T + 1)]
    due = torch.tensor([1 - f[u + 1] / f[u] for u in range(T)], dtype=torch.float64)
    symptom = "beta_t must be 1 - f(t + 1) / f(t), f(u) = cos^2((u / T + s) / (1 + s) pi / 2)."
    # Some cut the smallest betas at 1e-4, which changes nothing that matters.
    check.close(betas[:-1], due[:-1].clamp(max=0.999), symptom, rtol=2e-3, atol=1e-4)
    symptom = "The last beta must be cut to 0.999."
    check.between(betas[-1], 0.99, 0.9999, symptom, name="last beta")


@pytest.mark.task("cosine_beta_schedule")
def test_cosine_of_the_default(student: Any) -> None:
    one, two = student.cosine_beta_schedule(20), student.cosine_beta_schedule(20, 0.008)
    check.shape(one, (20,), "There are T betas.")
    check.close(one, two, "By default s must be 0.008.")
    alpha_bar = alpha_bar_of(one.double())
    symptom = "alpha_bar must fall at every step and stay above 0."
    ratios = alpha_bar[1:] / alpha_bar[:-1]
    check.between(ratios, 1e-6, 0.9999, symptom, name="alpha_bar over the one before it:")
    symptom = "With 20 steps alpha_bar must begin near 0.99."
    check.between(alpha_bar[0], 0.985, 0.995, symptom, name="first alpha_bar")


# ---------------------------------------------------------------- ddim_step


@pytest.mark.task("ddim_step")
@pytest.mark.parametrize("size", [(5, 2), (4, 4), (2, 3, 4, 4)], ids=["points", "square", "images"])
def test_ddim_lands_where_it_should(student: Any, size: tuple[int, ...]) -> None:
    x0, eps = 2 * torch.randn(size, dtype=torch.float64), torch.randn(size, dtype=torch.float64)
    for now, before in ((0.1, 0.7), (0.5, 0.55), (0.02, 1.0), (0.9, 0.95)):
        ab_t, ab_prev = (torch.tensor(v, dtype=torch.float64) for v in (now, before))
        x_t = ab_t.sqrt() * x0 + (1 - ab_t).sqrt() * eps
        got = student.ddim_step(x_t=x_t, eps=eps, ab_t=ab_t, ab_prev=ab_prev)
        due = ab_prev.sqrt() * x0 + (1 - ab_prev).sqrt() * eps
        symptom = "With the true noise and eta = 0 the step must land on q_sample at ab_prev."
        check.close(got, due, symptom, rtol=1e-7, atol=1e-7)


@pytest.mark.task("ddim_step")
def test_ddim_without_chance(student: Any) -> None:
    x_t, eps = torch.randn(3, 2), torch.randn(3, 2)
    ab_t, ab_prev = torch.tensor(0.3), torch.tensor(0.6)
    first, second = (student.ddim_step(x_t, eps, ab_t, ab_prev) for _ in range(2))
    check.shape(first, (3, 2), "The result has the shape of x_t.")
    symptom = "With eta = 0 two calls must agree."
    check.agree(first, second, symptom)
    clean = student.ddim_step(x_t, torch.zeros(3, 2), ab_t, ab_prev)
    symptom = "With eta = 0 and eps = 0 the step must only scale x_t, by sqrt(ab_prev / ab_t)."
    check.close(clean, x_t * 2**0.5, symptom)
    third = student.ddim_step(x_t, eps, ab_t, ab_prev, eta=0.0, noise=torch.randn(3, 2))
    check.close(third, first, "With eta = 0 the noise must have no effect.")


@pytest.mark.task("ddim_step")
@pytest.mark.parametrize("eta", [1.0, 0.5], ids=str)
def test_ddim_with_chance(student: Any, eta: float) -> None:
    x_t, eps, noise = (torch.randn(4, 3, dtype=torch.float64) for _ in range(3))
    for now, before in ((0.45, 0.5), (0.1, 0.8)):
        ab_t, ab_prev = (torch.tensor(v, dtype=torch.float64) for v in (now, before))
        got = student.ddim_step(x_t, eps, ab_t, ab_prev, eta=eta, noise=noise)
        sigma = eta * math.sqrt((1 - before) / (1 - now) * (1 - now / before))
        x0 = (x_t - math.sqrt(1 - now) * eps) / math.sqrt(now)
        due = math.sqrt(before) * x0 + math.sqrt(1 - before - sigma**2) * eps + sigma * noise
        symptom = f"With eta = {eta} the step is wrong: check sigma and what it leaves to eps."
        check.close(got, due, symptom, rtol=1e-7, atol=1e-7)


@pytest.mark.task("ddim_step")
def test_ddim_draws_its_noise(student: Any) -> None:
    # 8,000 numbers, 14 z-tests at 6 standard errors: false alarms < 3e-8.
    n = 4000
    zeros, ab_t, ab_prev = torch.zeros(n, 2), torch.tensor(0.2), torch.tensor(0.6)
    got = student.ddim_step(zeros, zeros, ab_t, ab_prev, eta=1.0)
    check.shape(got, (n, 2), "The result has the shape of x_t.")
    sigma = math.sqrt(0.4 / 0.8 * (1 - 0.2 / 0.6))
    check.standard_normal(got / sigma, "The noise that ddim_step draws, over sigma,")
