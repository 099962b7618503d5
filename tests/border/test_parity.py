"""In process and behind the border: the same draws, the same trace."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from grading.border import Proxy, Trace, follow
from grading.border.tensors import raw_bytes
from grading.border.watch import same_bytes


class Fake(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.tensor(0.5))

    def forward(self, x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        return self.w * x + 0 * torch.rand(())


def _script(student: Any) -> list[Any]:
    seen: list[Any] = []
    torch.manual_seed(11)
    mu = torch.randn(4, 3, requires_grad=True)
    logvar = torch.randn(4, 3, requires_grad=True)
    student.kl_divergence(mu, logvar=logvar).backward()
    seen.append(student.reparameterize(mu, logvar))
    model = student.VAE(10, 8, 3)
    x = torch.rand(2, 10)
    out = model(x)
    model.encode(x)
    model.enc[0](x)
    model.enc(x).sum().backward()
    seen += [*out, student.draws()]
    seen.append(student.diffusion_loss(Fake(), x, torch.zeros(2)))
    seen.append(student.apply_twice(lambda v: v + torch.rand(()), x))
    schedule = student.Schedule(4)
    seen += [schedule[1], len(schedule), schedule.q_sample(x, 2), list(student.numbers(3))]
    for name in ("change_input", "refuse"):
        with pytest.raises(Exception):  # noqa: B017
            getattr(student, name)(x + 1)
    student.configured(student.make("types.SimpleNamespace", input_dim=1, name="a"))
    return [*seen, torch.rand(3), random.random(), float(np.random.rand())]


def _flat(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return ["tensor", value.dtype, value.requires_grad, value.detach().double().tolist()]
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Proxy):
        return ["proxy", value._border_core.info.name, value._border_core.origin]
    if isinstance(value, nn.Module):
        return type(value).__name__
    if isinstance(value, list | tuple):
        return [_flat(item) for item in value]
    if isinstance(value, dict):
        return {key: _flat(item) for key, item in value.items()}
    return "function" if callable(value) else value


def _rows(trace: Trace) -> list[Any]:
    return [
        [
            call.index, call.name, call.owner, _flat(call.args), _flat(call.kwargs), call.seed,
            call.grad_enabled, _flat(call.result), getattr(call.error, "type_name", None)
            or (call.error and type(call.error).__name__),
            str(call.error) if call.error else None, _flat(dict(sorted(call.arg_grads.items()))),
            [[name, _flat(args)] for name, args in call.callbacks], call.changed,
        ]
        for call in trace.calls
    ]  # fmt: skip


def test_the_same_script_leaves_equal_traces_and_draws(session: Any, twin: Any) -> None:
    results = []
    for student in (twin, session.student):
        random.seed(3)
        np.random.seed(3)
        results.append(_flat(_script(student)))
    here, there = _rows(twin._border_core.backend.trace), _rows(session.trace)
    assert [row[1] for row in here][:8] == [
        "kl_divergence", "reparameterize", "VAE", "__call__", "encode", "enc[0]", "enc", "draws",
    ]  # fmt: skip
    for a, b in zip(here, there, strict=True):
        assert a == b
    assert results[0] == results[1]


def test_a_seed_set_right_before_a_call(student: Any) -> None:
    mu, logvar = torch.randn(3, 2), torch.randn(3, 2)
    torch.manual_seed(7)
    z = student.reparameterize(mu, logvar)
    torch.manual_seed(7)
    torch.testing.assert_close(z, mu + torch.randn_like(mu) * (0.5 * logvar).exp())


def test_calls_draw_differently_and_do_not_tell_the_judges_draws(student: Any) -> None:
    torch.manual_seed(7)
    torch.rand(())
    a, b = student.draws(), student.draws()
    assert not torch.equal(a[0], b[0]) and a[1:] != b[1:]
    trace = student._border_core.backend.trace
    torch.manual_seed(7)
    torch.rand(())
    for call in trace.calls[-2:]:
        draw = int(torch.empty((), dtype=torch.int64).random_())
        assert call.seed not in (draw, draw >> 1)
    for call in trace.calls[-2:]:
        state = torch.Generator().manual_seed(call.seed)
        assert not torch.equal(torch.rand(3, generator=state), torch.rand(3))
        assert call.seed != torch.default_generator.initial_seed()


def test_a_call_moves_the_judges_generator_by_one_draw(student: Any) -> None:
    torch.manual_seed(7)
    student.draws()
    student.VAE()
    after = torch.rand(2)
    torch.manual_seed(7)
    for _ in range(2):
        torch.empty((), dtype=torch.int64).random_()
    assert torch.equal(after, torch.rand(2))


def test_the_judges_other_generators_stay(student: Any) -> None:
    random.seed(1)
    np.random.seed(1)
    student.draws()
    got = random.random(), np.random.rand()
    random.seed(1)
    np.random.seed(1)
    assert got == (random.random(), np.random.rand())


def test_a_traced_call_can_be_run_again(student: Any) -> None:
    trace = student._border_core.backend.trace
    z = student.reparameterize(torch.zeros(3), torch.zeros(3))
    call = trace.calls[-1]
    torch.manual_seed(call.seed)
    assert torch.equal(follow(student, call.name)(*call.args, **call.kwargs), z)


def test_the_trace_gathers_gradients_and_callbacks(student: Any) -> None:
    trace = student._border_core.backend.trace
    mu, logvar = torch.randn(2, 3, requires_grad=True), torch.randn(2, 3, requires_grad=True)
    student.kl_divergence(mu, logvar=logvar).backward()
    call = trace.calls[0]
    assert torch.equal(call.arg_grads["0"], mu.grad)
    assert torch.equal(call.arg_grads["logvar"], logvar.grad)
    student.diffusion_loss(Fake(), mu.detach(), torch.zeros(2))
    ((name, args),) = trace.calls[1].callbacks
    assert name == "Fake" and args[0].shape == (2, 3) and torch.equal(args[1], torch.zeros(2))
    with pytest.raises(ValueError):
        student.refuse(mu)
    assert isinstance(trace.calls[2].error, ValueError)


def test_the_trace_keeps_inputs_as_they_were(student: Any) -> None:
    trace = student._border_core.backend.trace
    x = torch.ones(3)
    big = torch.ones(1 << 15)
    student.identity(x)
    student.identity(big)
    x.zero_()
    assert trace.calls[0].args[0].sum() == 3 and trace.calls[0].intact()
    assert trace.calls[1].intact()
    big.zero_()
    assert not trace.calls[1].intact()
    trace.enabled = False
    student.identity(x)
    assert len(trace.calls) == 2
    trace.clear()
    assert trace.calls == []


def test_an_expanded_number_crosses() -> None:
    # One element with stride 0 counts as contiguous, and cannot be viewed as bytes.
    for tensor in (torch.tensor(3.0).expand(1), torch.ones(2, 2)[:1, :1].expand(1, 1)):
        assert bytes(raw_bytes(tensor)) == bytes(raw_bytes(tensor.clone().contiguous()))
        assert same_bytes(tensor * float("nan"), (tensor * float("nan")).expand_as(tensor))
