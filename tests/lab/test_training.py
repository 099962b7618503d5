"""Training: it learns, it goes on bit for bit after any death, and it stops when it should."""

from __future__ import annotations

import io
import math
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from torch import Tensor

from lab import outputs as lab_outputs
from lab import records
from lab.config import Config, parse
from lab.data import Dataset, Split, load
from lab.errors import (
    CheckpointError,
    ConfigError,
    DataError,
    LabError,
    StorageError,
    TrainingError,
)
from lab.outputs import Outputs
from lab.training import checkpoint, folder, loop, open_run, precision, seeds, session, train
from lab.training.ema import Ema
from lab.training.validate import Validation, validate

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="the system cannot fork")
TIMES = ("images_per_second", "seconds")  # rows that no two runs share


@pytest.fixture(autouse=True)
def _one_thread() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def images() -> Dataset:
    return load("synthetic", limit=300)


def config(root: Path, **sections: dict[str, Any]) -> Config:
    """A model of a few thousand weights: 8 steps of 32 images an epoch."""
    values: dict[str, Any] = {
        "data": {"name": "synthetic", "valid": 50},
        "model": {"name": "mlp", "latent_dim": 3, "hidden_dim": 8},
        "loss": {},
        "optim": {"epochs": 3, "batch_size": 32},
        "train": {"tensorboard": False, "checkpoint_seconds": 1000},
        "outputs": str(root),
    }
    for name, keys in sections.items():
        values[name] = values[name] | keys
    return parse(values, "test")


def in_child(job: Callable[[], object]) -> int:
    """Run a job in a forked process; its process id."""
    pid = os.fork()
    if pid == 0:
        code = 1
        signal.signal(signal.SIGINT, signal.default_int_handler)  # nohup leaves it ignored
        try:
            job()
            code = 0
        except KeyboardInterrupt:
            code = 130
        finally:
            os._exit(code)
    return pid


def wait(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def weights(root: Path) -> dict[str, Tensor]:
    """Every number that a run leaves in its two checkpoints."""
    outputs = Outputs(root)
    found: dict[str, Tensor] = {}
    for path in (outputs.last, outputs.best):
        saved = checkpoint.load(path)
        for name, table in (("model", saved.model), ("ema", saved.ema or {})):
            found |= {f"{path.name}/{name}/{key}": value for key, value in table.items()}
        if saved.state is not None:
            for index, moments in saved.state["optimizer"]["state"].items():
                found |= {f"adam/{index}/{key}": value for key, value in moments.items()}
            found["generator"] = saved.state["generators"]["torch"]
    return found


def rows(root: Path) -> list[records.Record]:
    return [r for r in records.read(Outputs(root).metrics) if r.metric not in TIMES]


def assert_same_run(a: Path, b: Path) -> None:
    first, second = weights(a), weights(b)
    assert first.keys() == second.keys()
    assert [key for key in first if not torch.equal(first[key], second[key])] == []
    assert rows(a) == rows(b)


# Learning


def test_it_learns_and_leaves_what_the_other_commands_open(tmp_path: Path, images: Dataset) -> None:
    result = train(config(tmp_path, optim={"epochs": 8, "lr": 5e-3}), images)
    assert (result.steps, result.epochs, result.stopped) == (64, 8, None)
    assert result.images_per_second > 0
    _, losses = records.series(records.read(result.outputs.metrics), "valid", "neg_elbo")
    assert len(losses) == 8
    assert losses[-1] < 0.8 * losses[0]
    assert result.best_neg_elbo == min(losses)
    run = open_run(result.outputs)
    assert not run.model.training
    assert run.image_shape == (1, 28, 28)
    assert run.config.optim.epochs == 8
    assert "epoch 8/8" in result.outputs.train_log.read_text(encoding="utf-8")


def test_metrics_have_the_names_that_the_pictures_draw(tmp_path: Path, images: Dataset) -> None:
    result = train(config(tmp_path, optim={"epochs": 1}), images)
    names = {(r.phase, r.metric) for r in records.read(result.outputs.metrics)}
    for name in ("loss", "recon", "kl", "neg_elbo", "beta", "lr", "grad_norm", *TIMES):
        assert ("train", name) in names
    for name in ("loss", "recon", "kl", "neg_elbo", "active_units"):
        assert ("valid", name) in names


def test_the_reported_elbo_is_that_of_the_saved_model(tmp_path: Path, images: Dataset) -> None:
    chosen = config(tmp_path, train={"ema_decay": 0.9}, optim={"epochs": 4, "lr": 3e-2})
    result = train(chosen, images)
    seed = seeds.derive(0, "hold out")
    held = loop.validate(  # the same images and the same noise
        open_run(result.outputs).model, session.hold_out(images.train, 50, seed)[1], chosen
    )
    assert held.neg_elbo == pytest.approx(result.best_neg_elbo, abs=1e-2)


def test_the_best_epoch_is_kept_and_not_the_last(
    tmp_path: Path, images: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = iter([3.0, 1.0, math.nan, 2.0])
    monkeypatch.setattr(loop, "validate", lambda *_: Validation(next(values), 90.0, 5.0, 3.0))
    result = train(config(tmp_path, optim={"epochs": 4}), images)
    best, last = open_run(result.outputs), open_run(result.outputs, "last")
    assert (best.epoch, last.epoch) == (2, 4)
    assert result.best_neg_elbo == 95.0


def test_two_runs_agree_and_another_seed_does_not(tmp_path: Path, images: Dataset) -> None:
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        torch.rand(random.randrange(9))  # where the caller's generator stands must not matter
        train(config(tmp_path / name, train={"seed": seed}, optim={"epochs": 1}), images)
    assert_same_run(tmp_path / "a", tmp_path / "b")
    assert not torch.equal(
        weights(tmp_path / "a")["best.pt/model/mu.weight"],
        weights(tmp_path / "c")["best.pt/model/mu.weight"],
    )


def test_the_caller_keeps_generators_and_flags(tmp_path: Path, images: Dataset) -> None:
    torch.manual_seed(3)
    due = torch.rand(4)
    torch.manual_seed(3)
    train(config(tmp_path, optim={"epochs": 1}), images)
    assert torch.equal(torch.rand(4), due)
    assert not torch.are_deterministic_algorithms_enabled()


def test_each_image_is_seen_once_an_epoch_in_a_new_order(images: Dataset) -> None:
    first, second = (seeds.order(0, epoch, 100) for epoch in (0, 1))
    assert sorted(first.tolist()) == list(range(100))
    assert not torch.equal(first, second)
    assert torch.equal(first, seeds.order(0, 0, 100))


def test_a_last_batch_of_one_is_left_out(tmp_path: Path, images: Dataset) -> None:
    few = Dataset("synthetic", images.train.take(115), images.test, images.classes, "")
    chosen = config(tmp_path, data={"valid": 18}, optim={"epochs": 2})  # 97 = 3 × 32 + 1
    assert train(chosen, few).steps == 6


@pytest.mark.parametrize(
    ("sections", "metric"),
    [
        ({"model": {"name": "dae"}, "loss": {"corrupt": "gaussian"}}, "recon"),
        ({"loss": {"recon": "l2"}}, "neg_elbo"),
        ({"loss": {"iwae_samples": 3}}, "neg_elbo"),
        ({"loss": {"free_bits": 0.1, "beta": 2.0}, "data": {"binarize": True}}, "neg_elbo"),
        ({"train": {"amp": "always"}}, "neg_elbo"),
        ({"optim": {"clip_norm": 1.0, "schedule": "cosine", "warmup_steps": 4}}, "neg_elbo"),
    ],
)
def test_every_kind_of_training_runs_and_gets_better(
    tmp_path: Path, images: Dataset, sections: dict[str, Any], metric: str
) -> None:
    sections["optim"] = {"epochs": 4, "lr": 1e-2} | sections.get("optim", {})
    result = train(config(tmp_path, **sections), images)
    found = records.read(result.outputs.metrics)
    _, values = records.series(found, "valid", metric)
    assert values[-1] < values[0]
    assert result.best_neg_elbo == pytest.approx(min(values))
    if metric == "recon":
        assert {"kl", "neg_elbo", "beta", "active_units"}.isdisjoint(r.metric for r in found)


def test_a_denoising_autoencoder_learns_the_clean_image(tmp_path: Path, images: Dataset) -> None:
    chosen = config(
        tmp_path,
        model={"name": "dae"},
        loss={"corrupt": "mask", "corrupt_level": 1.0},
        optim={"epochs": 1},
    )
    seen: list[float] = []
    given: list[float] = []
    with pytest.MonkeyPatch.context() as patch:
        real = loop.objective.loss

        def spy(output: Any, x: Tensor, **keys: Any) -> Any:
            given.append(float(x.sum()))
            return real(output, x, **keys)

        patch.setattr(loop.objective, "loss", spy)
        hook = torch.nn.modules.module.register_module_forward_pre_hook(
            lambda module, inputs: (
                seen.append(float(inputs[0].sum())) if hasattr(module, "image_shape") else None
            )
        )
        try:
            train(chosen, images)
        finally:
            hook.remove()
    assert seen
    assert not any(seen), "everything was masked, so the model must see black"
    assert all(total > 0 for total in given)


def test_binarized_images_are_black_and_white_and_new_each_time(
    tmp_path: Path, images: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Tensor] = []
    real = loop.objective.loss

    def spy(output: Any, x: Tensor, **keys: Any) -> Any:
        seen.append(x.clone())
        return real(output, x, **keys)

    monkeypatch.setattr(loop.objective, "loss", spy)
    chosen = config(tmp_path, data={"binarize": True, "valid": 0}, optim={"batch_size": 300})
    train(chosen, images)
    drawn = seen[1:]  # the first is of the checks, which look at the images as they are
    assert all(bool(((x == 0) | (x == 1)).all()) for x in drawn)
    # One batch holds all images: its mean is that of the pixels, within 5 of its deviations.
    mean = float(images.train.images.float().mean() / 255)
    assert all(abs(float(x.mean()) - mean) < 5 * 0.5 / math.sqrt(x.numel()) for x in drawn)
    assert len({float(x.sum()) for x in drawn}) == 3


def test_beta_and_learning_rate_follow_their_schedules(tmp_path: Path, images: Dataset) -> None:
    chosen = config(
        tmp_path,
        loss={"schedule": "linear", "warmup": 0.5, "beta": 2.0},
        optim={"schedule": "cosine", "epochs": 2},
    )
    outputs = train(chosen, images).outputs
    found = records.read(outputs.metrics)
    _, betas = records.series(found, "train", "beta")
    _, rates = records.series(found, "train", "lr")
    assert betas[:8] == pytest.approx([2 * step / 8 for step in range(8)])
    assert betas[8:] == pytest.approx([2.0] * 8)
    assert rates == pytest.approx(
        [1e-3 * 0.5 * (1 + math.cos(math.pi * step / 16)) for step in range(16)]
    )
    state = checkpoint.load(outputs.last).state
    assert state is not None
    assert state["optimizer"]["param_groups"][0]["lr"] == pytest.approx(rates[-1])


def test_clipping_limits_the_step(tmp_path: Path, images: Dataset) -> None:
    moved = {}
    for name, clip in (("free", 0.0), ("clipped", 1e-9)):
        chosen = config(tmp_path / name, optim={"clip_norm": clip, "epochs": 1, "lr": 1e-3})
        result = train(chosen, images)
        state = checkpoint.load(result.outputs.last).state
        assert state is not None
        moved[name] = float(state["optimizer"]["state"][0]["exp_avg"].norm())
        _, norms = records.series(records.read(result.outputs.metrics), "train", "grad_norm")
        assert min(norms) > 1, "the norm before clipping is what is logged"
    assert moved["clipped"] < 1e-8 < moved["free"]


def test_too_many_held_out_images_are_cut_and_said(tmp_path: Path, images: Dataset) -> None:
    chosen = config(tmp_path, data={"valid": 5000}, optim={"epochs": 1})
    result = train(chosen, images)
    assert result.steps == math.ceil(240 / 32)
    assert "held out: 60 of 300 images" in result.outputs.train_log.read_text(encoding="utf-8")


def test_without_held_out_images_the_last_epoch_is_kept(tmp_path: Path, images: Dataset) -> None:
    result = train(config(tmp_path, data={"valid": 0}), images)
    assert math.isnan(result.best_neg_elbo)
    assert checkpoint.load(result.outputs.best).epoch == 3


def test_ema_is_the_average_that_it_claims(images: Dataset) -> None:
    torch.manual_seed(0)
    model = session.build(config(Path()).model, (1, 28, 28))
    due = model.mu.bias.detach().clone()  # type: ignore[union-attr]
    ema = Ema(model, 0.9)
    for step in range(1, 5):
        with torch.no_grad():
            model.mu.bias.copy_(torch.full((3,), float(step)))  # type: ignore[union-attr,operator,arg-type]
        ema.update(step)
        decay = min(0.9, (1 + step) / (10 + step))
        due = decay * due + (1 - decay) * step
    torch.testing.assert_close(ema.state_dict()["mu.bias"], due)


def test_validation_is_the_same_twice_and_leaves_the_mode(images: Dataset) -> None:
    model = session.build(config(Path()).model, (1, 28, 28)).train()
    a, b = (validate(model, images.test, config(Path())) for _ in range(2))
    assert a == b
    assert model.training


def test_scaled_half_precision_skips_an_infinite_gradient(
    tmp_path: Path, images: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    half = precision.Precision(torch.device("cpu"), torch.bfloat16, scaled=True)
    monkeypatch.setattr(precision, "choose", lambda _: half)
    monkeypatch.setattr(
        precision.Precision,
        "scaler",
        lambda self: torch.amp.GradScaler("cpu", init_scale=2.0**127, growth_interval=10000),
    )
    result = train(config(tmp_path, optim={"epochs": 2, "clip_norm": 1.0}), images)
    state = checkpoint.load(result.outputs.last).state
    assert state is not None
    assert state["scaler"]["scale"] < 2.0**127
    assert float(state["optimizer"]["state"][0]["step"]) < result.steps, "a step was skipped"


# Going on after a death


VARIANTS: dict[str, dict[str, Any]] = {
    "ema-cyclical": {
        "loss": {"schedule": "cyclical", "cycles": 2, "free_bits": 0.05},
        "train": {"ema_decay": 0.95, "amp": "never"},
        "optim": {"schedule": "cosine", "clip_norm": 5.0},
    },
    "binarized-dae": {
        "model": {"name": "dae"},
        "data": {"binarize": True},
        "loss": {"corrupt": "salt_pepper"},
    },
}


@needs_fork
@pytest.mark.parametrize(
    ("variant", "step"),
    [("ema-cyclical", 1), ("ema-cyclical", 21), ("ema-cyclical", 34), ("binarized-dae", 34)],
)
def test_a_run_killed_at_a_step_ends_with_the_same_bits(
    tmp_path: Path, images: Dataset, variant: str, step: int
) -> None:
    sections = dict(VARIANTS[variant])
    sections["optim"] = sections.get("optim", {}) | {"batch_size": 12}  # 21 steps, rows every two
    train(config(tmp_path / "whole", **sections), images)
    sections["train"] = sections.get("train", {}) | {"checkpoint_seconds": 0.0}
    broken = config(tmp_path / "broken", **sections)

    def dies() -> None:
        real = loop._Loop._step

        def one_step(self: Any, x: Tensor) -> None:
            if self.at.step == step:
                os.kill(os.getpid(), signal.SIGKILL)
            real(self, x)

        loop._Loop._step = one_step  # type: ignore[method-assign]
        train(broken, images)

    assert wait(in_child(dies)) == -signal.SIGKILL
    torch.rand(7)  # a new process stands somewhere else
    train(broken, images, resume=True)
    assert_same_run(tmp_path / "whole", tmp_path / "broken")


@needs_fork
@pytest.mark.parametrize("write", range(2, 8))
def test_a_run_killed_inside_a_write_ends_with_the_same_bits(
    tmp_path: Path, images: Dataset, write: int
) -> None:
    """Six places: best.pt and last.pt of each epoch, half-written at the kill."""
    sections = VARIANTS["ema-cyclical"]
    whole = config(tmp_path / "whole", **sections)
    train(whole, images)
    broken = whole.model_copy(update={"outputs": tmp_path / "broken"})

    def dies() -> None:
        real, count = checkpoint.write_bytes, iter(range(1, 100))

        def half(path: Path, data: bytes) -> None:
            if next(count) == write:
                beside = path.with_name(f".{path.name}.{os.getpid()}")
                beside.write_bytes(data[: len(data) // 2])
                os.kill(os.getpid(), signal.SIGKILL)
            real(path, data)

        checkpoint.write_bytes = half  # type: ignore[attr-defined]
        train(broken, images)

    code = wait(in_child(dies))
    if write == 7:
        assert code == 0  # three epochs, each at most two writes
    else:
        assert code == -signal.SIGKILL
    resumed = Outputs(tmp_path / "broken").last.exists()
    train(broken, images, resume=resumed)
    assert resumed == (write > 2)
    assert_same_run(tmp_path / "whole", tmp_path / "broken")
    assert not list((tmp_path / "broken" / "ckpts").glob(".*")), "half-written files are swept"


@needs_fork
def test_a_run_killed_again_and_again_at_any_moment_ends_with_the_same_bits(
    tmp_path: Path, images: Dataset
) -> None:
    sections = VARIANTS["ema-cyclical"] | {"optim": {"epochs": 6}}
    sections["train"] = sections["train"] | {"checkpoint_seconds": 0.01}
    whole = config(tmp_path / "whole", **sections)
    train(whole, images)
    broken = whole.model_copy(update={"outputs": tmp_path / "broken"})
    dice = random.Random(0)
    for turn in range(100):
        resume = Outputs(broken.outputs).last.exists()
        pid = in_child(partial(train, broken, images, resume=resume))
        time.sleep(dice.uniform(0.02, 0.1 + 0.02 * turn))  # longer, until one is fast enough
        os.kill(pid, signal.SIGKILL)
        if wait(pid) == 0:
            break
    train(broken, images, resume=True)
    assert_same_run(tmp_path / "whole", tmp_path / "broken")


def test_rows_after_the_checkpoint_are_dropped_and_evaluations_stay(
    tmp_path: Path, images: Dataset
) -> None:
    chosen = config(tmp_path)
    result = train(chosen, images)
    due = rows(tmp_path)
    path = result.outputs.metrics
    records.append(path, "train", 3.5, 28, {"loss": 1.0})
    records.append(path, "eval", 3, 99, {"psnr": 20.0})
    with path.open("a", encoding="utf-8") as file:
        file.write("train,3.6,29,lo")
    train(chosen, images, resume=True)
    assert rows(tmp_path) == [*due, records.Record("eval", 3, 99, "psnr", 20.0)]


def test_more_epochs_go_on_and_other_keys_are_refused(tmp_path: Path, images: Dataset) -> None:
    chosen = config(tmp_path)
    train(chosen, images)
    longer = config(tmp_path, optim={"epochs": 5})
    assert train(longer, images, resume=True).epochs == 5
    with pytest.raises(CheckpointError, match=r"last\.pt .*optim\.lr was 0\.001, is 0\.01"):
        train(config(tmp_path, optim={"epochs": 5, "lr": 1e-2}), images, resume=True)
    with pytest.raises(CheckpointError, match=r"the data was synthetic \(250 images\), is other"):
        other = Dataset("other", images.train, images.test, images.classes, "")
        train(longer, other, resume=True)
    assert train(longer, images, resume=True).steps == 40, "a finished run has nothing to do"


def test_resume_without_a_checkpoint_says_so(tmp_path: Path, images: Dataset) -> None:
    with pytest.raises(CheckpointError, match=r"There is no checkpoint .*last\.pt"):
        train(config(tmp_path), images, resume=True)


@pytest.mark.parametrize("damage", ["counters", "moment", "generators", "nothing"])
def test_a_checkpoint_with_a_broken_state_is_refused(
    tmp_path: Path, images: Dataset, damage: str
) -> None:
    chosen = config(tmp_path, optim={"epochs": 1})
    last = train(chosen, images).outputs.last
    saved = checkpoint.load(last)
    assert saved.state is not None
    if damage == "counters":
        saved.state["counters"]["batch"] = -1
    elif damage == "moment":
        saved.state["optimizer"]["state"][0]["exp_avg"] = torch.zeros(2)
    elif damage == "generators":
        saved.state["generators"] = {}
    checkpoint.save(last, saved._replace(state=None) if damage == "nothing" else saved)
    with pytest.raises(CheckpointError, match=r"last\.pt is broken"):
        train(chosen, images, resume=True)


# Stopping


@needs_fork
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_finishes_the_step_saves_and_goes_on_bit_for_bit(
    tmp_path: Path, images: Dataset, number: int
) -> None:
    whole = config(tmp_path / "whole")
    train(whole, images)
    broken = whole.model_copy(update={"outputs": tmp_path / "broken"})

    def stops() -> None:
        real = loop._Loop._step

        def one_step(self: Any, x: Tensor) -> None:
            if self.at.step == 11:
                os.kill(os.getpid(), number)
            real(self, x)

        loop._Loop._step = one_step  # type: ignore[method-assign]
        text = io.StringIO()
        result = train(broken, images, console=Console(file=text, width=200))
        assert (result.stopped, result.steps, result.epochs) == ("interrupted", 12, 1)
        assert "Stopped in epoch 2. Step 12 is saved: go on with `lab train --resume`." in (
            text.getvalue()
        )
        assert signal.getsignal(number) not in (None, loop.StopRequest._note)

    assert wait(in_child(stops)) == 0
    train(broken, images, resume=True)
    assert_same_run(tmp_path / "whole", tmp_path / "broken")


@needs_fork
def test_a_second_ctrl_c_ends_at_once_with_the_last_checkpoint_whole(
    tmp_path: Path, images: Dataset
) -> None:
    chosen = config(tmp_path)

    def stops() -> None:
        real = loop._Loop._step

        def one_step(self: Any, x: Tensor) -> None:
            if self.at.step == 11:
                os.kill(os.getpid(), signal.SIGINT)
                os.kill(os.getpid(), signal.SIGINT)
                os._exit(7)  # it should not have come so far
            real(self, x)

        loop._Loop._step = one_step  # type: ignore[method-assign]
        train(chosen, images)

    assert wait(in_child(stops)) == 130
    assert checkpoint.load(Outputs(tmp_path).last).step == 8
    assert train(chosen, images, resume=True).steps == 24


def test_outside_the_main_thread_it_trains_without_signals(tmp_path: Path, images: Dataset) -> None:
    done: list[Any] = []
    thread = threading.Thread(target=lambda: done.append(train(config(tmp_path), images)))
    thread.start()
    thread.join()
    assert done[0].epochs == 3


def test_a_time_budget_saves_and_stops(tmp_path: Path, images: Dataset) -> None:
    chosen = config(tmp_path)
    result = train(chosen, images, max_seconds=0.0)
    assert result.stopped == "time"
    assert result.steps == 1
    assert open_run(result.outputs).step == 1, "before the first epoch is done, best is the last"
    assert train(chosen, images, resume=True).stopped is None


def test_a_full_disk_stops_with_the_old_checkpoint_and_a_way_on(
    tmp_path: Path, images: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = config(tmp_path)
    real, count = os.fsync, iter(range(1, 1000))

    def full(file: int) -> None:
        if next(count) > 6:  # two empty logs, best and last of an epoch
            raise OSError(28, "No space left on device")
        real(file)

    monkeypatch.setattr(lab_outputs.os, "fsync", full)
    with pytest.raises(StorageError, match="No space left on device") as caught:
        train(chosen, images)
    monkeypatch.undo()
    assert "Free some space" in caught.value.next_step
    assert "Step 16 is saved: go on with `lab train --resume`" in caught.value.next_step
    assert checkpoint.load(Outputs(tmp_path).last).step == 16
    train(chosen, images, resume=True)


def test_a_log_that_cannot_be_written_stops_with_a_way_on(
    tmp_path: Path, images: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: Any) -> None:
        raise StorageError("Cannot write metrics.csv: No space left on device.")

    monkeypatch.setattr(records, "append", full)
    with pytest.raises(StorageError, match="Nothing was saved yet"):
        train(config(tmp_path), images)


def poison(patch: pytest.MonkeyPatch, step: int, where: str) -> None:
    """Make the loss or only its gradient NaN at a step."""
    real = loop._Loop._terms

    def terms(self: Any, x: Tensor, beta: float) -> Any:
        found, logvar = real(self, x, beta)
        if self.at.step == step:
            bad = torch.tensor(math.nan)
            if where == "gradient":
                bad = (found.loss * 0).abs().sqrt()  # 0, with an infinite slope
            found = found._replace(loss=found.loss + bad)
        return found, logvar

    patch.setattr(loop._Loop, "_terms", terms)


@pytest.mark.parametrize("where", ["loss", "gradient"])
def test_nan_stops_before_the_step_and_says_what_to_try(
    tmp_path: Path, images: Dataset, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    chosen = config(tmp_path)
    poison(monkeypatch, 12, where)
    before: list[Tensor] = []
    real = loop._Loop._stop_unless_finite

    def look(self: Any, name: str, value: float) -> None:
        if not math.isfinite(value):
            assert all(bool(p.isfinite().all()) for p in self.session.params)
            before.append(self.at.step)
        real(self, name, value)

    monkeypatch.setattr(loop._Loop, "_stop_unless_finite", look)
    with pytest.raises(TrainingError, match=rf"Epoch 2, step 13: the {where} is NaN") as caught:
        train(chosen, images)
    assert before == [12]
    for advice in ("optim.lr", "clip_norm", "logvar", "last.pt holds step 8"):
        assert advice in caught.value.next_step
    assert checkpoint.load(Outputs(tmp_path).last).step == 8
    assert "the " + where in Outputs(tmp_path).train_log.read_text(encoding="utf-8")


def test_weights_beyond_all_numbers_are_never_saved(
    tmp_path: Path, images: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = config(tmp_path)
    real = loop._Loop._step

    def one_step(self: Any, x: Tensor) -> None:
        real(self, x)
        if self.at.step == 16:
            with torch.no_grad():
                self.session.params[0][0, 0] = math.inf

    monkeypatch.setattr(loop._Loop, "_step", one_step)
    with pytest.raises(TrainingError, match=r"beyond all numbers|is NaN|is infinite"):
        train(chosen, images)
    assert checkpoint.load(Outputs(tmp_path).last).step == 8
    assert open_run(Outputs(tmp_path)).epoch == 1


# The folder


def test_an_earlier_run_is_moved_aside_and_can_still_be_opened(
    tmp_path: Path, images: Dataset
) -> None:
    train(config(tmp_path, optim={"epochs": 2}), images)
    Outputs(tmp_path).report("mine").parent.mkdir()
    Outputs(tmp_path).report("mine").write_text("keep me")
    train(config(tmp_path, optim={"epochs": 1}), images)
    train(config(tmp_path, optim={"epochs": 3}), images)
    earlier = [Outputs(tmp_path / "earlier" / name) for name in ("1", "2")]
    assert [open_run(place).config.optim.epochs for place in earlier] == [2, 1]
    assert earlier[0].report("mine").read_text() == "keep me"
    assert len(rows(earlier[0].root)) > 0
    assert open_run(Outputs(tmp_path)).config.optim.epochs == 3
    assert "earlier/2" in Outputs(tmp_path).train_log.read_text(encoding="utf-8").replace("\\", "/")


def test_a_run_that_fails_its_checks_moves_nothing(tmp_path: Path, images: Dataset) -> None:
    train(config(tmp_path), images)
    black = Split(torch.zeros(300, 1, 28, 28, dtype=torch.uint8), images.train.labels)
    with pytest.raises(TrainingError, match="all pixels are 0"):
        train(config(tmp_path), Dataset("black", black, images.test, images.classes, ""))
    assert open_run(Outputs(tmp_path)).epoch == 3
    assert not (tmp_path / "earlier").exists()


def test_two_trainings_never_share_a_folder(tmp_path: Path, images: Dataset) -> None:
    with (
        folder.claimed(Outputs(tmp_path)),
        pytest.raises(TrainingError, match="Another training writes"),
    ):
        train(config(tmp_path), images)
    train(config(tmp_path), images)


def test_a_folder_that_cannot_be_made_is_a_storage_error(tmp_path: Path, images: Dataset) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="Cannot write"):
        train(config(tmp_path / "file" / "outputs"), images)


# Bad input


@pytest.mark.parametrize(
    ("sections", "error", "match"),
    [
        ({"train": {"device": "warp"}}, ConfigError, "train.device is 'warp'"),
        ({"train": {"device": "meta"}}, ConfigError, "cannot use that here"),
        ({"data": {"limit": 1}}, DataError, "1 images to train on"),
        (
            {"loss": {"iwae_samples": 2, "corrupt": "mask"}},
            ConfigError,
            "loss.corrupt and loss.iwae_samples",
        ),
        ({"model": {"name": "dae"}, "loss": {"iwae_samples": 2}}, LabError, "no posterior"),
    ],
)
def test_what_cannot_be_trained_is_said_in_one_sentence(
    tmp_path: Path,
    images: Dataset,
    sections: dict[str, Any],
    error: type[LabError],
    match: str,
) -> None:
    with pytest.raises(error, match=match) as caught:
        train(config(tmp_path, **sections), images)
    assert caught.value.next_step
    assert not Outputs(tmp_path).last.exists()


# What people see


def test_plain_lines_where_there_is_no_terminal(tmp_path: Path, images: Dataset) -> None:
    text = io.StringIO()
    train(config(tmp_path), images, console=Console(file=text, width=200))
    lines = text.getvalue().splitlines()
    assert lines[0].startswith("VAEMLP, 13,422 parameters, on synthetic: 250 images")
    assert [line for line in lines if line.startswith("epoch 2/3")]
    assert lines[-1].startswith("Done in 0:0")
    assert "\x1b" not in text.getvalue()


def test_a_terminal_gets_a_live_bar(
    tmp_path: Path, images: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lab.training.progress._REFRESH", 1e-4)
    text = io.StringIO()
    console = Console(file=text, width=100, force_terminal=True)
    train(config(tmp_path), images, console=console)
    assert "images/s" in text.getvalue()
    assert "\x1b[" in text.getvalue()


def test_a_console_without_unicode_gets_plain_signs(tmp_path: Path, images: Dataset) -> None:
    raw = io.BytesIO()
    with io.TextIOWrapper(raw, encoding="cp1252") as file:
        train(config(tmp_path), images, console=Console(file=file, width=200))
        file.flush()
        assert b"-ELBO" in raw.getvalue()


def test_tensorboard_missing_is_said_once(
    tmp_path: Path, images: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    text = io.StringIO()
    chosen = config(tmp_path, train={"tensorboard": True})
    train(chosen, images, console=Console(file=text, width=200))
    assert text.getvalue().count("TensorBoard is not installed") == 1


def test_tensorboard_that_breaks_never_ends_a_training(
    tmp_path: Path, images: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Breaks:
        def __init__(self, *arguments: Any, **keys: Any) -> None:
            pass

        def add_scalar(self, *arguments: Any) -> None:
            raise OSError(28, "No space left on device")

        def close(self) -> None:
            pass

    monkeypatch.setitem(
        sys.modules, "torch.utils.tensorboard", type("module", (), {"SummaryWriter": Breaks})
    )
    text = io.StringIO()
    chosen = config(tmp_path, train={"tensorboard": True})
    assert train(chosen, images, console=Console(file=text, width=200)).epochs == 3
    assert text.getvalue().count("TensorBoard stopped") == 1
