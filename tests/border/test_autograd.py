"""Gradients through the border are those of the same code in one process."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn


def _pair(rows: int = 8, dtype: torch.dtype = torch.float32) -> list[torch.Tensor]:
    return [torch.randn(rows, 4, dtype=dtype, requires_grad=True) for _ in range(2)]


def test_backward_fills_the_judges_leaves(student: Any) -> None:
    mu, logvar = _pair()
    student.kl_divergence(mu, logvar).backward()
    torch.testing.assert_close(mu.grad, (mu / 8).detach())
    torch.testing.assert_close(logvar.grad, (0.5 * (logvar.exp() - 1) / 8).detach())


def test_a_graph_before_and_after_the_call(student: Any) -> None:
    w = torch.randn(4, requires_grad=True)
    loss = student.cube(w * 2).sum() * 3
    torch.testing.assert_close(loss, 3 * (2 * w).pow(3).sum())
    (grad,) = torch.autograd.grad(loss, w)
    torch.testing.assert_close(grad, (72 * w * w).detach())


def test_gradcheck_of_first_and_second_order(student: Any) -> None:
    inputs = _pair(2, torch.float64)
    assert torch.autograd.gradcheck(student.kl_divergence, inputs)
    assert torch.autograd.gradgradcheck(student.cube, inputs[0])


def test_second_order_by_create_graph(student: Any) -> None:
    x = torch.randn(3, requires_grad=True)
    (first,) = torch.autograd.grad(student.cube(x).sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), x)
    torch.testing.assert_close(second, (6 * x).detach())


def test_grad_mode_travels(student: Any) -> None:
    x = torch.ones(2, requires_grad=True)
    with torch.no_grad():
        assert not student.cube(x).requires_grad
    assert student.cube(x).requires_grad
    assert not student.cube(x.detach()).requires_grad


def test_identity_and_constants(student: Any) -> None:
    x = torch.ones(2, requires_grad=True)
    y = student.identity(x)
    assert torch.equal(y, x)
    y.sum().backward()
    assert torch.equal(x.grad, torch.ones(2))
    assert not student.fresh(2).requires_grad


def test_one_input_twice(student: Any) -> None:
    x = torch.randn(4, requires_grad=True)
    student.kl_divergence(x, x).backward()
    torch.testing.assert_close(x.grad, (x + 0.5 * (x.exp() - 1)).detach())


def test_a_loss_kept_on_the_model(student: Any) -> None:
    model = student.VAE()
    x = torch.rand(4, 10, requires_grad=True)
    model(x)
    model.kl.backward()
    assert x.grad is not None and x.grad.abs().sum() > 0
    assert model.mu.weight.grad.abs().sum() > 0
    assert model.dec.weight.grad is None


def test_gradients_reach_parameters_listed_only_later(student: Any) -> None:
    model = student.VAE()
    x = torch.rand(4, 10)
    logits, mu, logvar, _ = model(x)
    student.vae_loss(logits, x, mu, logvar).backward()
    del logits, mu, logvar
    grads = [p.grad for p in model.parameters()]
    assert all(g is not None and g.abs().sum() > 0 for g in grads)


def test_autograd_grad_leaves_parameter_gradients_alone(student: Any) -> None:
    model = student.VAE()
    x = torch.rand(4, 10, requires_grad=True)
    torch.autograd.grad(model(x)[1].sum(), x)
    assert all(p.grad is None for p in model.parameters())


def test_gradients_add_up_over_two_backwards(student: Any) -> None:
    model = student.VAE()
    x = torch.rand(4, 10)
    model.encode(x)[0].sum().backward()
    once = model.mu.bias.grad.clone()
    model.encode(x)[0].sum().backward()
    torch.testing.assert_close(model.mu.bias.grad, 2 * once)


def test_gradient_penalty_through_a_judges_model(student: Any) -> None:
    critic = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
    x = torch.randn(5, 4, requires_grad=True)
    got = student.gradient_penalty(critic, x)
    (grad,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    want = (grad.norm(dim=-1) - 1).pow(2).mean()
    torch.testing.assert_close(got, want)
    inputs = [x, critic[0].weight, critic[2].weight]
    for a, b in zip(
        torch.autograd.grad(got, inputs), torch.autograd.grad(want, inputs), strict=True
    ):
        torch.testing.assert_close(a, b)


def test_tensors_that_a_callback_closes_over(student: Any) -> None:
    w = torch.tensor(2.0, requires_grad=True)
    x = torch.tensor(3.0, requires_grad=True)
    y = student.apply_twice(lambda v: w * v, x)
    grads = torch.autograd.grad(y, [w, x], retain_graph=True)
    assert [g.item() for g in grads] == [12.0, 4.0]
    assert w.grad is None
    y.backward()
    assert (w.grad.item(), x.grad.item()) == (12.0, 4.0)


def test_backward_inside_the_students_function(student: Any) -> None:
    x = torch.randn(3, requires_grad=True)
    got = student.input_gradient(x)
    torch.testing.assert_close(got, (2 * x).detach())
    torch.testing.assert_close(x.grad, (2 * x).detach())


def test_complex_and_other_dtypes(student: Any) -> None:
    for dtype in (torch.float16, torch.bfloat16, torch.float64, torch.complex64, torch.complex128):
        x = torch.ones(3, dtype=dtype, requires_grad=True)
        student.cube(x).abs().sum().backward()
        assert x.grad.dtype == dtype
    for dtype in (torch.bool, torch.uint8, torch.int16, torch.int64):
        x = torch.tensor([0, 1, 1]).to(dtype)
        back = student.identity(x)
        assert back.dtype == dtype and torch.equal(back, x)


@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (2, 3, 4)])
def test_shapes_and_strides(student: Any, shape: tuple[int, ...]) -> None:
    x = torch.randn(shape).transpose(0, -1) if len(shape) > 1 else torch.randn(shape)
    assert torch.equal(student.identity(x), x)
    assert student.identity(x).shape == x.shape


def test_an_error_inside_backward(open_session: Any) -> None:
    session = open_session(
        "import torch\n"
        "class F(torch.autograd.Function):\n"
        "    @staticmethod\n"
        "    def forward(ctx, x): return x * 2\n"
        "    @staticmethod\n"
        "    def backward(ctx, g): raise ValueError('no gradient here')\n"
        "def f(x): return F.apply(x)\n"
    )
    x = torch.ones(2, requires_grad=True)
    with pytest.raises(ValueError, match="no gradient here") as caught:
        session.student.f(x).sum().backward()
    assert caught.value.where() == "line 6, in F.backward"
    assert session.student.f(x).shape == (2,)


def test_a_hostile_gradient_is_refused(open_session: Any) -> None:
    from grading.border import WorkerDied

    session = open_session(
        "import torch, sys\n"
        "def f(x):\n"
        "    import grading.border.worker as w\n"
        "    w.WorkerPeer.answer_vjp = lambda *a: [torch.zeros(7)]\n"
        "    import gc\n"
        "    for o in gc.get_objects():\n"
        "        if type(o) is w.WorkerPeer: o.handlers['vjp'] = lambda *a: [torch.zeros(7)]\n"
        "    return x * 2\n"
    )
    x = torch.ones(2, requires_grad=True)
    with pytest.raises(WorkerDied, match="gradient of another shape"):
        session.student.f(x).sum().backward()


def test_torch_func_has_one_clear_sentence(session: Any) -> None:
    with pytest.raises(TypeError, match=r"use torch\.autograd\.grad or a loop"):
        torch.func.grad(lambda x: session.student.cube(x).sum())(torch.ones(2))
    assert torch.equal(session.student.cube(torch.ones(2)), torch.ones(2))
