"""Models of the student's in the judge's hands, and the judge's in the student's."""

from __future__ import annotations

import copy
import inspect
import pathlib
import threading
import types
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from grading.border import InputChanged


def test_what_a_proxy_shows(student: Any) -> None:
    model = student.VAE(10, 8, 3)
    assert isinstance(model, nn.Module) and isinstance(model.enc[0], nn.Linear)
    assert not isinstance(model.enc[0], nn.Conv2d) and len(model.enc) == 2
    assert [type(layer).__name__ for layer in model.enc] and len(list(model.enc)) == 2
    assert model.latent_dim == 3 and model.kl is None and model.training
    assert "encode" in dir(model) and hasattr(model, "mu") and not hasattr(model, "nope")
    assert "VAE" in repr(model) and model.enc is model.enc and model == model
    assert list(inspect.signature(student.kl_divergence).parameters) == ["mu", "logvar"]
    assert str(inspect.signature(student.VAE)) == "(input_dim=10, hidden_dim=8, latent_dim=3)"
    assert student.VAE.__doc__ == "A small model." and student.VAE.__name__ == "VAE"
    assert callable(student.kl_divergence) and not hasattr(student, "missing")
    schedule = student.Schedule(5)
    assert not callable(schedule) and len(schedule) == 5 and schedule.betas.shape == (5,)
    assert torch.equal(schedule[2], schedule.betas[2])
    model.latent_dim = 7
    assert model.latent_dim == 7


def test_a_write_to_a_parameter_reaches_the_next_call(student: Any) -> None:
    model, x = student.VAE(), torch.rand(2, 10)
    with torch.no_grad():
        model.mu.bias.fill_(9.0)
        model.mu.weight.zero_()
    assert torch.equal(model.encode(x)[0], torch.full((2, 3), 9.0))
    model.mu.bias.data.fill_(4.0)
    assert torch.equal(model.encode(x)[0], torch.full((2, 3), 4.0))
    nn.init.ones_(model.mu.bias)
    model.mu.weight.data = torch.zeros(3, 8)
    assert torch.equal(model.encode(x)[0], torch.ones(2, 3))


def test_data_writes_in_the_worker_reach_the_judge(student: Any) -> None:
    ema, model = student.VAE(), student.VAE()
    a, b = list(ema.parameters()), list(model.parameters())
    want = [0.9 * p.detach() + 0.1 * q.detach() for p, q in zip(a, b, strict=True)]
    student.ema_update(a, b, 0.9)
    for p, w in zip(a, want, strict=True):
        torch.testing.assert_close(p.detach(), w)
    student.ema_model(ema, model, 0.0)
    assert all(torch.equal(p, q) for p, q in zip(ema.parameters(), model.parameters(), strict=True))


def _train(student: Any, make: Any, step: Any) -> list[float]:
    torch.manual_seed(5)
    model = student.VAE()
    x = torch.rand(16, 10)
    optimizer = make(student, model)
    return [step(student, model, optimizer, x) for _ in range(20)]


def _judge_step(student: Any, model: Any, optimizer: Any, x: torch.Tensor) -> float:
    optimizer.zero_grad()
    logits, mu, logvar, _ = model(x)
    loss = student.vae_loss(logits, x, mu, logvar)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    return loss.item()


def _worker_step(student: Any, model: Any, optimizer: Any, x: torch.Tensor) -> float:
    return student.train_step(model, optimizer, x)


@pytest.mark.parametrize("name", ["Adam", "SGD"])
@pytest.mark.parametrize("where", ["judge", "judge's in the worker", "worker"])
def test_twenty_steps_equal_those_in_process(
    session: Any, twin: Any, name: str, where: str
) -> None:

    if where == "worker":
        make: Any = lambda s, m: s.make(f"torch.optim.{name}", list(m.parameters()), 1e-2)  # noqa: E731
    else:
        make = lambda s, m: getattr(torch.optim, name)(m.parameters(), 1e-2)  # noqa: E731
    step = _judge_step if where == "judge" else _worker_step
    got, want = _train(session.student, make, step), _train(twin, make, step)
    assert want[-1] < want[0]
    torch.testing.assert_close(torch.tensor(got), torch.tensor(want), rtol=1e-5, atol=1e-5)


def test_state_dict_both_ways(student: Any) -> None:
    a, b = student.VAE(), student.VAE()
    own = {k: v.clone() for k, v in a.state_dict().items()}
    assert next(iter(own)) == "enc.0.weight"
    b.load_state_dict(own)
    x = torch.rand(2, 10)
    assert torch.equal(a.encode(x)[0], b.encode(x)[0])
    own["mu.bias"] += 1
    b.load_state_dict(own)
    torch.testing.assert_close(b.encode(x)[0], a.encode(x)[0] + 1)
    with pytest.raises(RuntimeError):
        b.load_state_dict({"nothing": torch.zeros(1)})


def test_modes_dtypes_and_buffers(student: Any) -> None:
    model, x = student.Conv(), torch.rand(4, 1, 8, 8)
    model(x)
    assert int(model.net[1].num_batches_tracked) == 1
    model.eval()
    assert not model.training and not model.net[1].training
    assert torch.equal(model(x)[:2], model(x[:2]))
    model.train()
    listed = list(model.parameters())
    model.double()
    assert listed[0].dtype == torch.float64 and next(model.parameters()).dtype == torch.float64
    assert model(x.double()).dtype == torch.float64
    assert dict(model.named_parameters()).keys() >= {"net.0.weight", "out.bias"}
    assert sum(p.numel() for p in model.parameters()) == 40 + 8 + 290
    assert len(list(model.modules())) == 7


def test_zero_grad_and_gradients_set_by_hand(student: Any) -> None:
    model, x = student.VAE(), torch.rand(2, 10)
    model.encode(x)[0].sum().backward()
    model.zero_grad()
    assert model.mu.bias.grad is None
    model.encode(x)[0].sum().backward()
    model.zero_grad(set_to_none=False)
    assert torch.equal(model.mu.bias.grad, torch.zeros(3))
    model.mu.bias.grad = torch.ones(3)
    optimizer = student.make("torch.optim.SGD", list(model.parameters()), 1.0)
    before = model.mu.bias.detach().clone()
    optimizer.step()
    torch.testing.assert_close(model.mu.bias.detach(), before - 1)
    model.mu.bias.requires_grad_(False)
    assert not model.encode(x)[0].sum().backward() and model.mu.bias.grad is not None


def test_a_deep_copy_is_independent(student: Any) -> None:
    model, x = student.VAE(), torch.rand(2, 10)
    twin = copy.deepcopy(model)
    with torch.no_grad():
        model.mu.bias.add_(1)
    torch.testing.assert_close(twin.encode(x)[0] + 1, model.encode(x)[0])


class Recorder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.tensor(0.5))
        self.seen: list[tuple[torch.Tensor, torch.Tensor]] = []

    def forward(self, x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        self.seen.append((x.detach().clone(), t.clone()))
        return self.w * x

    def twice(self, x: torch.Tensor) -> torch.Tensor:
        return 2 * x


def test_a_recording_model(student: Any) -> None:
    model, x0, t = Recorder(), torch.randn(4, 3), torch.tensor([0, 1, 2, 3])
    loss = student.diffusion_loss(model, x0, t)
    ((xt, seen_t),) = model.seen
    assert torch.equal(seen_t, t)
    noise = xt - x0
    torch.testing.assert_close(loss, (0.5 * xt - noise).pow(2).mean())
    (grad,) = torch.autograd.grad(loss, model.parameters())
    torch.testing.assert_close(grad, (2 * (0.5 * xt - noise) * xt).mean())


def test_sampling_switches_the_judges_model_to_eval(student: Any) -> None:
    model = Recorder()
    assert student.sample(model, [4, 2]).shape == (4, 2)
    assert not model.training and [int(t) for _, t in model.seen] == [0, 1, 2]


def test_a_judges_model_with_the_judges_optimizer(student: Any) -> None:
    model, x0, t = Recorder(), torch.randn(8, 3), torch.zeros(8, dtype=torch.long)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    with student.in_place(model):
        student.denoise_step(model, optimizer, x0, t)
    assert model.w.item() != 0.5 and model.w.grad is not None


def test_weights_set_by_the_students_function(student: Any) -> None:
    net = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
    with student.in_place(net):
        net.apply(student.init_weights)
    assert torch.equal(net[0].weight, torch.full((3, 2), 0.5)) and not net[0].bias.any()
    layer = student.make("torch.nn.Linear", 2, 3)
    layer.apply(student.init_weights)
    assert torch.equal(layer.weight, torch.full((3, 2), 0.5))


@pytest.mark.parametrize(
    ("place", "says"),
    [
        ("0", "the first argument"),
        ("1.0", "the second argument, at [0]"),
        ("7", "argument number 8"),
        ("x", "x"),
        ("values.3", "values[3]"),
        ("net.weight", "net.weight"),
    ],
)
def test_what_was_changed_is_said_in_words(place: str, says: str) -> None:
    assert f" in place ({says}). " in str(InputChanged("f", [place]))
    assert InputChanged("f", [place]).places == [place]


def test_a_judges_weights_stay_unless_allowed(session: Any) -> None:
    layer = nn.Linear(2, 3)
    before = layer.weight.detach().clone()
    with pytest.raises(InputChanged, match="the first argument, its weight"):
        session.student.init_weights(layer)
    assert torch.equal(layer.weight, before)


@pytest.mark.parametrize("name", ["change_input", "change_data"])
def test_a_changed_input_is_found(student: Any, name: str) -> None:
    x = torch.ones(3)
    with pytest.raises(InputChanged, match=name):
        getattr(student, name)(x)
    big = torch.ones(1 << 15)
    with pytest.raises(InputChanged):
        student.change_input(big)
    nan = torch.tensor([float("nan"), 1.0])
    student.identity(nan)


@pytest.mark.parametrize("needs", [True, False])
def test_an_input_that_is_frozen_or_thawed_is_found(student: Any, needs: bool) -> None:
    x = torch.ones(3, requires_grad=needs)
    with pytest.raises(InputChanged, match="freeze_input"):
        student.freeze_input(x)
    with student.in_place(torch.zeros(1)), pytest.raises(InputChanged):
        student.freeze_input(x.detach().clone().requires_grad_(needs))


def test_a_changed_input_never_reaches_the_judge(session: Any) -> None:
    x = torch.ones(3)
    with pytest.raises(InputChanged):
        session.student.change_input(x)
    assert torch.equal(x, torch.ones(3))
    with session.student.in_place(torch.zeros(1)), pytest.raises(InputChanged):
        session.student.change_input(x)
    assert torch.equal(x, torch.ones(3))


def test_an_allowed_change_reaches_the_judge(student: Any) -> None:
    ema, params = [torch.zeros(2), torch.zeros(3)], [torch.ones(2), torch.ones(3)]
    with student.in_place(ema):
        student.ema_update(ema, params, 0.5)
    assert torch.equal(ema[0], torch.full((2,), 0.5)) and torch.equal(ema[1], torch.full((3,), 0.5))


def test_methods_functions_and_objects_as_arguments(student: Any) -> None:
    x = torch.ones(2)
    assert torch.equal(student.apply_twice(student.cube, 2 * x), 512 * x)
    schedule = student.Schedule(4)
    assert torch.equal(student.apply_twice(lambda v: v + 1, x), 3 * x)
    assert student.sum_batches(schedule) == schedule.betas.sum()
    assert student.sum_batches(iter([x, x])) == 4
    assert student.sum_batches(v for v in [x]) == 2
    config = types.SimpleNamespace(input_dim=4, name="abc")
    assert student.configured(config) == 7


def test_a_bound_method_as_an_argument(student: Any) -> None:
    layer = student.make("torch.nn.Linear", 2, 2)
    x = torch.ones(1, 2)
    torch.testing.assert_close(student.apply_twice(layer.forward, x), layer(layer(x)))


class Config:
    input_dim = 3

    def __init__(self) -> None:
        self.name = "four"


def test_an_object_of_the_tests_own(student: Any) -> None:
    assert student.configured(Config()) == 7


def test_student_objects_are_not_passed_to_the_judge(open_session: Any) -> None:
    session = open_session(
        "class Liar:\n    def __eq__(self, o): return True\n    shape = (2,)\n"
        "def f(g): return g(Liar())\n"
    )
    with pytest.raises(TypeError, match="plain data"):
        session.student.f(lambda x: 1)


def test_an_exception_of_the_judges_callback_comes_back_itself(student: Any) -> None:
    mine = RuntimeError("the judge's own")

    def fail(x: Any) -> Any:
        raise mine

    with pytest.raises(RuntimeError) as caught:
        student.apply_twice(fail, torch.ones(1))
    assert caught.value is mine


def test_the_text_of_a_judges_exception_stays_with_the_judge(open_session: Any) -> None:
    session = open_session(
        "def f(g):\n    try: g(1)\n    except BaseException as e: return type(e).__name__, str(e)\n"
    )

    def fail(x: int) -> None:
        raise ValueError("expected 0.123")

    assert session.student.f(fail) == ("ValueError", "the test's own function failed")


def test_the_judges_files_and_libraries_stay_with_the_judge(open_session: Any) -> None:
    session = open_session(
        "def f(g): return g.reset_parameters()\n"
        "def h(g): return g('secret')\n"
        "def attr(g): return g.__globals__\n"
    )
    layer = nn.Linear(2, 2)
    before = layer.weight.detach().clone()
    with session.student.in_place(), pytest.raises(Exception):  # noqa: B017
        session.student.attr(layer.forward)
    normal, drawer = torch.distributions.Normal(0.0, 1.0), np.random.default_rng(0)
    for thing in (pathlib.Path("/"), normal, threading.Lock(), drawer):
        with pytest.raises(TypeError, match="cannot be sent"):
            session.student.h(thing)
    with pytest.raises(TypeError, match="cannot be sent"):
        session.student.h(lambda name: pathlib.Path(name))
    with pytest.raises(InputChanged):
        session.student.f(layer)
    assert torch.equal(layer.weight, before)


def test_a_patch_serves_the_noise(student: Any) -> None:
    student.patch("torch.randn_like", lambda x: torch.full_like(x, 2.0))
    z = student.reparameterize(torch.zeros(3), torch.zeros(3))
    assert torch.equal(z, torch.full((3,), 2.0))
    assert torch.randn_like(torch.zeros(64)).std() > 0
    student.unpatch()
    assert not torch.equal(student.reparameterize(torch.zeros(3), torch.zeros(3)), z)


def test_draws_are_noted(student: Any) -> None:
    with student.record_rng() as log:
        student.reparameterize(torch.zeros(3, 2), torch.zeros(3, 2))
    assert log == [("randn_like", (3, 2))]


def test_results_of_every_kind(student: Any) -> None:
    x = torch.ones(2, requires_grad=True)
    out = student.named(x)
    assert type(out).__name__ == "Out" and out._fields == ("loss", "recon")
    (out.loss + out.recon.sum()).backward()
    assert torch.equal(x.grad, torch.full((2,), 3.0))
    result = student.dataclassed(x)
    assert result.loss.item() == 2 and result.names == ["a", "b"]
    found = student.as_dict(x)
    assert list(found) == ["loss", "kl", 3, "nest"] and found["nest"][0] == (1, 2)
    one, half, none, true, text, raw, number, big, scalar, array, numbers = student.scalars()
    assert (one, half, none, text, raw) == (1, 2.5, None, "é", b"raw") and true is True
    assert number == 3 + 4j and big == 2**100 and float(scalar) == 1.5
    assert array.tolist() == [0, 1, 2] and numbers == {1, 2}


def test_a_generator_function(student: Any) -> None:
    found = list(student.numbers(3))
    assert [i for i, _ in found] == [0, 1, 2] and len({float(v) for _, v in found}) == 3


def test_pickling_and_foreign_objects_have_clear_sentences(session: Any, open_session: Any) -> None:
    model = session.student.VAE()
    with pytest.raises(TypeError, match="state_dict"):
        copy.copy(model)
    other = open_session().student
    with pytest.raises(TypeError, match="another worker"):
        other.train_step(model, None, None)
    with pytest.raises(TypeError, match="cannot be sent"):
        session.student.identity(torch)
    assert session.student.identity(1) == 1


def test_default_dtype_travels(student: Any) -> None:
    torch.set_default_dtype(torch.float64)
    try:
        assert student.fresh(2).dtype == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
    assert student.fresh(2).dtype == torch.float32


def test_missing_attribute_is_an_attribute_error(student: Any) -> None:
    with pytest.raises(AttributeError):
        _ = student.nothing_here
    assert getattr(student, "nothing_here", 3) == 3
