"""Public tests of the image diffusion model: shapes, numbers worked out by hand, a relation or two.

`pytest tests/test_image_diffusion.py` runs all of them, `-m residual_block` only those of one task.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from grading import check

# What a right block and a right net give for weights and inputs that are waves.
BLOCK_OF_WAVES = """
0.6725 0.6290 0.6472 1.3309 1.2537 1.1293 0.0208 0.0994 0.1924
1.1270 1.3468 1.3115 0.8562 0.8578 1.1729 -0.1446 -0.3897 -0.5117
"""
UNET_OF_WAVES = """
-0.9316 -1.0032 -0.6344 -0.8518 1.6582 1.8741 1.4446 1.6715
0.5459 -0.5268 -0.4083 0.7055 0.1379 1.2129 1.3466 0.1773
"""
UNET_SKIP_FIRST = """
0.9723 2.4650 2.9934 1.5774 0.0863 -1.4212 -2.2262 -0.8608
0.9817 0.7535 -0.7772 -1.6981 -0.1359 -0.0781 1.3077 2.5100
"""


def numbers(text: str) -> Tensor:
    return torch.tensor([float(number) for number in text.split()])


def wave(*shape: int) -> Tensor:
    """Numbers between -1/2 and 1/2, the same on every machine."""
    return torch.sin(torch.arange(1.0, math.prod(shape) + 1)).reshape(shape) / 2


def with_waves(module: Any, **others: float) -> Any:
    """A module of the student's whose weights are waves; layers in `others` are constant."""
    weights = {
        name: torch.full(value.shape, others[name.split(".")[0]])
        if name.split(".")[0] in others
        else wave(*value.shape)
        for name, value in module.state_dict().items()
    }
    module.load_state_dict(weights)
    return module


# ---------------------------------------------------------------- ResidualBlock


@pytest.mark.task("residual_block")
def test_block_shape(student: Any) -> None:
    block = student.ResidualBlock(4, 6, 5)
    y = block(torch.randn(2, 4, 8, 10), torch.randn(2, 5))
    check.shape(y, (2, 6, 8, 10), "The block must keep height and width, and give c_out channels.")


@pytest.mark.task("residual_block")
def test_block_follows_the_formula(student: Any) -> None:
    block = with_waves(student.ResidualBlock(2, 3, 2))
    y = check.shape(block(wave(2, 2, 1, 3), wave(2, 2)), (2, 3, 1, 3))
    symptom = "The block is not conv2(silu(norm2(conv1(silu(norm1(x))) + time(t_emb)))) + skip(x)."
    check.close(y.flatten(), numbers(BLOCK_OF_WAVES), symptom, atol=1e-3)


@pytest.mark.task("residual_block")
def test_block_lets_the_input_through(student: Any) -> None:
    block = with_waves(student.ResidualBlock(4, 4, 3), conv2=0.0)
    x = torch.randn(2, 4, 5, 5)
    symptom = "With a second convolution of zeros, the block must give back its input unchanged."
    check.close(block(x, torch.randn(2, 3)), x, symptom)


@pytest.mark.task("residual_block")
def test_block_hears_the_time(student: Any) -> None:
    block, x = student.ResidualBlock(4, 4, 3), torch.randn(1, 4, 5, 5)
    first, second = block(x, torch.zeros(1, 3)), block(x, 5 * torch.ones(1, 3))
    check.shape(first, (1, 4, 5, 5))
    check.that(
        not torch.allclose(first, second),
        "The result does not depend on t_emb.",
        got="the same for t_emb of 0 and of 5",
        expected="another result",
    )


# ---------------------------------------------------------------- TinyUNet


USES_TINY_UNET = pytest.mark.uses("ResidualBlock.forward")


@pytest.mark.task("tiny_unet")
@USES_TINY_UNET
@pytest.mark.parametrize(
    "size", [(2, 1, 8, 8), (3, 2, 4, 10)], ids=["gray", "two_channels_not_square"]
)
def test_unet_shape(student: Any, size: tuple[int, ...]) -> None:
    unet = student.TinyUNet(8, 6, in_channels=size[1])
    eps = unet(torch.randn(size), torch.randint(0, 100, size[:1]))
    check.shape(eps, size, "The predicted noise must be shaped like the image.")


@pytest.mark.task("tiny_unet")
@USES_TINY_UNET
def test_unet_connects_its_parts(student: Any) -> None:
    eps = with_waves(student.TinyUNet(2, 2))(wave(2, 1, 2, 4), torch.tensor([0, 40]))
    # The two may be joined in either order.
    due = [numbers(text).reshape(2, 1, 2, 4) for text in (UNET_OF_WAVES, UNET_SKIP_FIRST)]
    symptom = "The net is not its parts in the order that the docstring names."
    check.one_of(check.shape(eps, (2, 1, 2, 4)), due, symptom, atol=2e-3)


@pytest.mark.task("tiny_unet")
@USES_TINY_UNET
def test_unet_uses_skip_and_time(student: Any) -> None:
    unet = student.TinyUNet(4, 5)
    x = torch.randn(2, 1, 6, 6)
    # Without what comes from below, only the skip connection can tell the images apart.
    with torch.no_grad():
        unet.grow.weight.zero_()
    eps = check.shape(unet(x, torch.tensor([3, 3])), (2, 1, 6, 6))
    check.that(
        not torch.allclose(eps[0], eps[1], atol=1e-5),
        "The skip connection is not used.",
        got="the same for two images",
        expected="another result for each",
    )
    later = unet(x, torch.tensor([90, 90]))
    check.that(
        not torch.allclose(eps, later, atol=1e-6),
        "The result does not depend on t.",
        got="the same at t = 3 and t = 90",
        expected="another result",
    )


# ---------------------------------------------------------------- training_step


class Scaled(nn.Module):
    """A model with one weight that notes what it is asked."""

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(scale))
        self.seen: list[tuple[Any, Any]] = []

    def forward(self, x_t: Tensor, t: Any) -> Tensor:
        self.seen.append((x_t.detach().clone(), t.clone() if isinstance(t, Tensor) else t))
        return self.scale * x_t


def alpha_bar_of(betas: Tensor) -> Tensor:
    return torch.stack([torch.prod(1 - betas[: i + 1]) for i in range(len(betas))])


def asked(model: Scaled, batch: int) -> tuple[Tensor, Tensor]:
    """x_t and t of the model's only call."""
    check.equal(len(model.seen), 1, "The model must be called once in a step.")
    x_t, t = model.seen.pop()
    symptom = "The model must get t as a tensor."
    check.that(isinstance(t, Tensor), symptom, got=check.show(t), expected="a tensor")
    check.shape(t, (batch,), "The model must get t with shape (B,): one number for each image.")
    symptom = "The model must get t as whole numbers."
    check.that(not t.dtype.is_floating_point, symptom, got=str(t.dtype), expected="torch.int64")
    check.between(t, 0, 11, "t must lie between 0 and T - 1.", name="t")
    return x_t, t


@pytest.mark.task("training_step")
def test_step_returns_the_loss_of_its_noise(student: Any) -> None:
    alpha_bar, x0 = alpha_bar_of(torch.linspace(0.05, 0.3, 12)), torch.rand(6, 1, 4, 4) * 2 - 1
    model = Scaled(0.5)
    optimizer = student.make("torch.optim.SGD", list(model.parameters()), 0.1)
    with student.in_place(model):
        loss = student.training_step(model, optimizer, x0, alpha_bar)
    check.that(
        not (isinstance(loss, Tensor) and loss.requires_grad),
        "The loss comes back with its graph: return a plain number (item).",
        got="a result attached to the graph",
        expected="no graph",
    )
    check.scalar(loss)
    x_t, t = asked(model, 6)
    ab = alpha_bar[t.long()].reshape(6, 1, 1, 1)
    noise = (x_t - ab.sqrt() * x0) / (1 - ab).sqrt()
    due = float((0.5 * x_t - noise).pow(2).mean())
    symptom = "The loss is not the mean of (noise - model(x_t, t))^2 for the noise in x_t."
    check.close(loss, due, symptom, rtol=1e-3)


@pytest.mark.task("training_step")
def test_step_moves_the_weights(student: Any) -> None:
    alpha_bar, x0 = alpha_bar_of(torch.linspace(0.05, 0.3, 12)), torch.randn(6, 1, 4, 4)
    model = Scaled(0.5)
    optimizer = student.make("torch.optim.SGD", list(model.parameters()), 0.1)
    for number in range(2):
        before = model.scale.item()
        with student.in_place(model):
            student.training_step(model, optimizer, x0, alpha_bar)
        x_t, t = asked(model, 6)
        ab = alpha_bar[t.long()].reshape(6, 1, 1, 1)
        noise = (x_t - ab.sqrt() * x0) / (1 - ab).sqrt()
        due = before - 0.1 * float((2 * (before * x_t - noise) * x_t).mean())
        symptom = (
            "The weight was not moved by one step along its gradient."
            if number == 0
            else "The second step is wrong: are the old gradients cleared?"
        )
        check.close(model.scale.item(), due, symptom, rtol=1e-3)


# ---------------------------------------------------------------- sample_images


class Spy(nn.Module):
    """A model of the judge's: notes what it is asked and answers `answer(x_t, t)`."""

    def __init__(self, answer: Callable[[Tensor, Any], Tensor]) -> None:
        super().__init__()
        self.unused = nn.Parameter(torch.ones(()))
        self.answer = answer
        self.seen: list[tuple[Any, Any]] = []

    def forward(self, x_t: Tensor, t: Any) -> Tensor:
        self.seen.append((x_t.detach().clone(), t.clone() if isinstance(t, Tensor) else t))
        return self.answer(x_t, t)


def always(image: Tensor, alpha_bar: Tensor) -> Callable[[Tensor, Any], Tensor]:
    """The best model for data that are all this one image: it knows the noise exactly."""

    def answer(x_t: Tensor, t: Any) -> Tensor:
        k = int(torch.as_tensor(t).reshape(-1)[0])
        ab = alpha_bar[min(max(k, 0), len(alpha_bar) - 1)]
        return (x_t - ab.sqrt() * image) / (1 - ab).sqrt()

    return answer


@pytest.mark.task("sample_images")
def test_images_shape_and_range(student: Any) -> None:
    spy = Spy(lambda x_t, t: torch.zeros_like(x_t))
    images = student.sample_images(spy, num_images=5, size=6, betas=torch.linspace(0.1, 0.4, 7))
    check.shape(images, (5, 1, 6, 6), "The result must have shape (num_images, C, size, size).")
    symptom = "The finished images must lie in [-1, 1]."
    check.between(images, -1.0, 1.0, symptom, name="a pixel")
    check.that(
        not images.requires_grad,
        "The images drag a graph along: use no_grad.",
        got="a result attached to the graph",
        expected="no graph",
    )


@pytest.mark.task("sample_images")
def test_images_walk_backward(student: Any) -> None:
    spy = Spy(lambda x_t, t: torch.zeros_like(x_t))
    student.sample_images(spy, 3, 4, torch.linspace(0.1, 0.4, 5))
    told = [t.tolist() if isinstance(t, Tensor) else t for _, t in spy.seen]
    symptom = "The model must be asked for t = T-1, ..., 1, 0, with one t for each image."
    check.equal(told, [[k] * 3 for k in (4, 3, 2, 1, 0)], symptom)


@pytest.mark.task("sample_images")
def test_images_match_a_perfect_model(student: Any) -> None:
    betas = torch.linspace(0.05, 0.4, 8)
    image = torch.rand(1, 1, 4, 4) * 1.8 - 0.9
    spy = Spy(always(image, alpha_bar_of(betas)))
    images = student.sample_images(spy, 3, 4, betas)
    symptom = "With a model that knows the noise exactly, every sample must be the one known image."
    check.close(images, image.expand(3, 1, 4, 4), symptom, atol=1e-3)


# ---------------------------------------------------------------- bonus


@pytest.mark.task("cosine_beta_schedule")
def test_cosine_worked_numbers(student: Any) -> None:
    betas = check.shape(student.cosine_beta_schedule(3, s=0.0), (3,), "There are T betas.")
    # f = 1, 3/4, 1/4, 0
    due = torch.tensor([0.25, 2 / 3])
    symptom = "With T = 3 and s = 0, f is 1, 3/4, 1/4, 0, so the betas begin with 1/4, 2/3."
    check.close(betas[:2].float(), due, symptom)
    symptom = "The last beta must be cut to 0.999: 1 leaves no signal."
    check.between(betas[2], 0.9, 0.9999, symptom, name="last beta")


@pytest.mark.task("cosine_beta_schedule")
def test_cosine_falls_slowly_at_both_ends(student: Any) -> None:
    betas = check.shape(student.cosine_beta_schedule(100), (100,), "There are T betas.")
    alpha_bar = alpha_bar_of(betas.double())
    check.between(betas, 0.0, 0.9999, "Each beta must lie between 0 and 0.999.", name="a beta")
    symptom = "Halfway alpha_bar must be about one half."
    check.between(alpha_bar[49], 0.48, 0.51, symptom, name="alpha_bar after 50 of 100 steps:")
    symptom = "After a tenth of the steps alpha_bar is still 0.97."
    check.between(alpha_bar[9], 0.96, 0.98, symptom, name="alpha_bar after 10 of 100 steps:")


@pytest.mark.task("ddim_step")
def test_ddim_worked_number(student: Any) -> None:
    x_t, eps = torch.full((1, 2), 11.0), torch.full((1, 2), 5.0)
    got = student.ddim_step(x_t, eps, torch.tensor(0.64), torch.tensor(0.96))
    due = math.sqrt(0.96) * 10 + math.sqrt(0.04) * 5
    symptom = "x0 is (11 - 0.6 * 5) / 0.8 = 10, so the step must give sqrt(0.96) * 10 + 0.2 * 5."
    check.close(got, torch.full((1, 2), due), symptom)


@pytest.mark.task("ddim_step")
def test_ddim_to_the_end_gives_x0(student: Any) -> None:
    x0, eps, ab = torch.randn(3, 1, 4, 4), torch.randn(3, 1, 4, 4), torch.tensor(0.3)
    x_t = ab.sqrt() * x0 + (1 - ab).sqrt() * eps
    got = student.ddim_step(x_t, eps, ab, torch.tensor(1.0))
    check.close(got, x0, "With ab_prev = 1 and the true noise the step must end at x0.", atol=1e-4)
