"""Every model keeps one interface; a student's file that is broken says so in one sentence."""

from __future__ import annotations

import copy
import re
from pathlib import Path

import pytest
import torch
from torch import nn

from lab.config import ModelConfig
from lab.errors import ConfigError, LabError
from lab.models import LatentModel, Output, StudentVAE, build

ASSIGNMENTS = Path(__file__).resolve().parents[2] / "assignments"
SOLVED = {
    "student": ASSIGNMENTS / "day2_vae/instructor/vae/solution.py",
    "student-dae": ASSIGNMENTS / "day1_autoencoder/instructor/autoencoder/solution.py",
}
SKELETON = {
    "student": ASSIGNMENTS / "day2_vae/student/vae.py",
    "student-dae": ASSIGNMENTS / "day1_autoencoder/student/autoencoder.py",
}
VARIATIONAL = ["conv", "resnet", "mlp", "student"]
NAMES = [*VARIATIONAL, "dae", "student-dae"]
SHAPES = [(1, 28, 28), (3, 32, 32)]


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)
    torch.set_num_threads(1)


def small(name: str, shape: tuple[int, int, int] = (1, 28, 28), **changes: object) -> LatentModel:
    values = {"name": name, "latent_dim": 5, "hidden_dim": 16, "width": 4}
    values |= {"student_file": SOLVED.get(name)} | changes
    return build(ModelConfig.model_validate(values), shape)


# ---------------------------------------------------------------- the interface


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", NAMES)
def test_shapes_and_gradients(name: str, shape: tuple[int, int, int]) -> None:
    model, x = small(name, shape), torch.rand(3, *shape)
    out = model(x)
    assert isinstance(out, Output) and out.logits.shape == x.shape
    assert out.mu.shape == out.z.shape == (3, 5)
    assert model.image_shape == shape and model.latent_dim == 5
    if model.variational:
        assert out.logvar is not None and out.logvar.shape == (3, 5)
    else:
        assert out.logvar is None and torch.equal(out.z, out.mu)
    weight = torch.randn_like(out.logits)
    total = (out.logits * weight).sum() + out.mu.sum()
    (total if out.logvar is None else total + out.logvar.sum()).backward()
    for path, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, path


@pytest.mark.parametrize("name", NAMES)
def test_images_that_come_out_are_images(name: str) -> None:
    model, x = small(name), torch.rand(3, 1, 28, 28)
    for images in (model.reconstruct(x), model.generate(3, 0.7)):
        assert images.shape == x.shape and not images.requires_grad
        assert images.min() >= 0 and images.max() <= 1
    a, b = (model.generate(2, generator=torch.Generator().manual_seed(1)) for _ in range(2))
    assert torch.equal(a, b)


@pytest.mark.parametrize("name", NAMES)
def test_images_do_not_mix_within_a_batch(name: str) -> None:
    model, x = small(name).double(), torch.rand(4, 1, 28, 28).double()
    mu, _ = model.encode(x)
    alone, _ = model.encode(x[2:3])
    torch.testing.assert_close(mu[2:3], alone)
    torch.testing.assert_close(model.decode(mu)[2:3], model.decode(mu[2:3]))


@pytest.mark.parametrize("name", NAMES)
def test_no_images_and_one_image_pass(name: str) -> None:
    model = small(name)
    for count in (0, 1):
        assert model(torch.rand(count, 1, 28, 28)).logits.shape == (count, 1, 28, 28)


@pytest.mark.parametrize("name", NAMES)
def test_weights_survive_a_save_and_a_deep_copy(name: str) -> None:
    model, other = small(name), small(name)
    x = torch.rand(2, 1, 28, 28)
    other.load_state_dict(model.state_dict())
    want = model.reconstruct(x)
    assert torch.equal(other.reconstruct(x), want)
    assert torch.equal(copy.deepcopy(model).reconstruct(x), want)


@pytest.mark.parametrize("name", NAMES)
def test_the_seed_decides_the_weights(name: str) -> None:
    torch.manual_seed(4)
    first = small(name).state_dict()
    torch.manual_seed(4)
    second = small(name).state_dict()
    assert all(torch.equal(first[key], second[key]) for key in first)


@pytest.mark.parametrize("name", VARIATIONAL)
def test_it_samples_in_eval_mode_too(name: str) -> None:
    model, x = small(name).eval(), torch.rand(2, 1, 28, 28)
    assert not torch.equal(model(x).z, model(x).z)


@pytest.mark.parametrize(
    ("name", "count"),
    [("mlp", 652_824), ("student", 652_824), ("dae", 644_804), ("student-dae", 644_804)],
)
def test_docstrings_count_the_parameters(name: str, count: int) -> None:
    model = build(ModelConfig(name=name, student_file=SOLVED.get(name)), (1, 28, 28))  # type: ignore[arg-type]
    assert sum(p.numel() for p in model.parameters()) == count
    assert f"{count:,} parameters" in (type(model).__doc__ or "")


@pytest.mark.parametrize("name", ["conv", "resnet"])
def test_docstrings_count_the_parameters_of_convolutions(name: str) -> None:
    for shape in SHAPES:
        model = build(ModelConfig.model_validate({"name": name}), shape)
        assert f"{sum(p.numel() for p in model.parameters()):,}" in (type(model).__doc__ or "")


@pytest.mark.parametrize(("ours", "theirs"), [("mlp", "student"), ("dae", "student-dae")])
def test_the_parts_weights_fit_into_the_labs_models(ours: str, theirs: str) -> None:
    mine, reference = small(ours), small(theirs)
    state = {key.removeprefix("net."): value for key, value in reference.state_dict().items()}
    mine.load_state_dict(state)
    x = torch.rand(3, 1, 28, 28)
    torch.testing.assert_close(mine.encode(x)[0], reference.encode(x)[0])
    torch.testing.assert_close(mine.reconstruct(x), reference.reconstruct(x))


# ---------------------------------------------------------------- numbers


@pytest.mark.parametrize("name", VARIATIONAL)
@pytest.mark.parametrize("bias", [-1e4, 1e4])
def test_a_wild_logvar_is_clamped(name: str, bias: float) -> None:
    model = small(name)
    layer = next(m for path, m in model.named_modules() if path.endswith("logvar"))
    assert isinstance(layer, nn.Linear)
    nn.init.constant_(layer.bias, bias)
    x = torch.rand(2, 1, 28, 28)
    _, logvar = model.encode(x)
    assert logvar is not None
    assert logvar.unique().tolist() == [20.0 if bias > 0 else -20.0]
    if name != "student":  # the student's own `forward` draws z before the clamp
        assert model(x).logits.isfinite().all()


@pytest.mark.parametrize("name", VARIATIONAL)
def test_inside_the_clamp_gradients_pass_whole(name: str) -> None:
    model = small(name)
    layer = next(m for path, m in model.named_modules() if path.endswith("logvar"))
    assert isinstance(layer, nn.Linear)
    nn.init.zeros_(layer.weight)
    layer.bias.data = torch.tensor([-19.9, -5.0, 0.0, 5.0, 19.9])
    _, logvar = model.encode(torch.rand(2, 1, 28, 28))
    assert logvar is not None
    logvar.sum().backward()
    assert layer.bias.grad is not None and layer.bias.grad.tolist() == [2.0] * 5


@pytest.mark.parametrize("name", NAMES)
def test_the_vae_initialization(name: str) -> None:
    model = small(name, init="vae")
    for path, layer in model.named_modules():
        if isinstance(layer, nn.Linear):
            bound = (6 / (layer.in_features + layer.out_features)) ** 0.5
            assert layer.weight.abs().max() <= bound
            if layer.weight.numel() > 1000:
                assert layer.weight.abs().max() > 0.9 * bound, path
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d) and layer.weight.numel() > 500:
            fan_out = layer.weight.shape[0] * layer.kernel_size[0] ** 2
            assert layer.weight.std().item() == pytest.approx((2 / fan_out) ** 0.5, rel=0.2), path
        if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d) and layer.bias is not None:
            want = -1.0 if path.endswith("logvar") else 0.0
            assert layer.bias.unique().tolist() == [want], path


# ---------------------------------------------------------------- shapes that do not fit


@pytest.mark.parametrize("name", ["conv", "resnet"])
@pytest.mark.parametrize("shape", [(1, 27, 28), (1, 28, 30), (3, 31, 31), (1, 2, 2), (1, 6, 6)])
def test_convolutions_refuse_what_they_cannot_halve(name: str, shape: tuple[int, int, int]) -> None:
    with pytest.raises(ConfigError, match=f"{shape[1]}x{shape[2]}x{shape[0]}") as caught:
        small(name, shape)
    assert "mlp" in caught.value.next_step
    assert small("mlp", shape)(torch.rand(2, *shape)).logits.shape == (2, *shape)


@pytest.mark.parametrize("name", ["conv", "resnet"])
@pytest.mark.parametrize("shape", [(1, 4, 4), (3, 64, 64), (2, 16, 40), (1, 12, 8)])
def test_convolutions_take_other_sides_that_halve(name: str, shape: tuple[int, int, int]) -> None:
    assert small(name, shape)(torch.rand(2, *shape)).logits.shape == (2, *shape)


@pytest.mark.parametrize("shape", [(28, 28), (1, 28, 28, 1), (1, 0, 28), ()])
def test_what_is_no_image_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError, match="no shape of an image"):
        small("mlp", shape)  # type: ignore[arg-type]


@pytest.mark.parametrize("width", [1, 3, 6])
def test_odd_widths_find_their_groups(width: int) -> None:
    model = small("resnet", width=width)
    assert model(torch.rand(2, 1, 28, 28)).logits.shape == (2, 1, 28, 28)


# ---------------------------------------------------------------- the student's file


@pytest.mark.parametrize("name", ["student", "student-dae"])
def test_a_skeleton_names_function_line_and_guide(name: str) -> None:
    with pytest.raises(LabError) as caught:
        small(name, student_file=SKELETON[name])
    guide = "day2_vae/vae.md" if name == "student" else "day1_autoencoder/autoencoder.md"
    assert re.search(r"\.py, line \d+, \w+\.encode: not implemented yet\.$", caught.value.what)
    assert guide in caught.value.next_step
    line = int(re.findall(r"line (\d+)", caught.value.what)[0])
    text = SKELETON[name].read_text(encoding="utf-8").splitlines()[line - 1]
    assert "NotImplementedError" in text


@pytest.mark.parametrize("name", ["student", "student-dae"])
def test_the_students_file_is_found_from_a_folder_below(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    below = tmp_path / SKELETON[name].relative_to(ASSIGNMENTS.parent)
    below.parent.mkdir(parents=True)
    below.write_bytes(SOLVED[name].read_bytes())
    for folder in (tmp_path, below.parent, below.parents[1]):
        monkeypatch.chdir(folder)
        assert small(name, student_file=None).latent_dim == 5


@pytest.mark.parametrize("name", ["student", "student-dae"])
def test_a_missing_file_says_what_to_do(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LabError, match="There is no assignments/day") as caught:
        small(name, student_file=None)
    assert "model.student_file" in caught.value.next_step
    for wrong in (tmp_path, tmp_path / "none.py"):
        with pytest.raises(LabError, match="There is no file"):
            small(name, student_file=wrong)


BROKEN: dict[str, tuple[bytes, str]] = {
    "empty": (b"", r"has no class VAE"),
    "syntax": (b"x = 1\ndef f(:\n", r"line 2: SyntaxError"),
    "import": (b"\nimport no_such_library\n", r"line 2: ModuleNotFoundError"),
    "exit": (b"import sys\nsys.exit(0)\n", r"line 2: SystemExit"),
    "raise": (b"def f():\n    1 / 0\nf()\n", r"line 2, f: ZeroDivisionError"),
    "other": (b"class VAE:\n    pass\n", r"has no class VAE that is an nn.Module"),
    "number": (b"VAE = 3\n", r"has no class VAE"),
    "bytes": (b"\0\1\2", r"SyntaxError|ValueError"),
    "latin": ("x = 'caf\xe9'\n".encode("latin-1"), r"SyntaxError"),
    "deep": (b"(" * 5000, r"SyntaxError|MemoryError|RecursionError"),
}


@pytest.mark.parametrize("case", list(BROKEN))
def test_a_file_that_does_not_load_is_one_sentence(case: str, tmp_path: Path) -> None:
    data, want = BROKEN[case]
    file = tmp_path / "vae.py"
    file.write_bytes(data)
    with pytest.raises(LabError, match=want) as caught:
        small("student", student_file=file)
    assert "vae.py" in caught.value.what and "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500 and caught.value.next_step
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


MISTAKES = {
    "one value": ("return self.mu(h), self.logvar(h)", "return self.mu(h)", "encode returned Ten"),
    "nothing": ("return self.mu(h), self.logvar(h)", "pass", "encode returned NoneType"),
    "shape": (
        "return self.mu(h), self.logvar(h)",
        "return self.mu(h)[:1], self.logvar(h)",
        r"encode returned mu of shape \(1, 5\), not \(3, 5\)",
    ),
    "type": (
        "return self.mu(h), self.logvar(h)",
        "return self.mu(h).long(), self.logvar(h)",
        "mu as torch.int64",
    ),
    "list": ("return self.dec(z)", "return self.dec(z).tolist()", "decode returned logits as list"),
    "layer": (
        "return self.mu(h), self.logvar(h)",
        "return self.mu(x), self.logvar(h)",
        r"line \d+, VAE.encode: RuntimeError: mat1 and mat2 shapes",
    ),
    "nan": ("std = torch.exp(0.5 * logvar)", "std = torch.sqrt(-logvar.abs() - 1)", "z$|NaN"),
    "infinity": ("return self.dec(z)", "return self.dec(z) / 0", "decode returned NaN or inf"),
    "order": (
        "return self.decode(z), mu, logvar, z",
        "return mu, logvar, z, self.decode(z)",
        r"forward returned logits of shape \(3, 5\)",
    ),
    "no method": ("def decode(", "def dekode(", "VAE has no method decode"),
    "no layers": ("super().__init__()", "super().__init__(); return", "without parameters"),
    "arguments": ("input_dim: int,", "", r"VAE.__init__"),
    "recursion": ("h = self.enc(x)", "return self.encode(x)", "encode: RecursionError"),
    "in place": (
        "eps = torch.randn_like(std)",
        "eps = torch.randn_like(std); std.mul_(2)",
        r"backward pass: RuntimeError.*version 0 instead\. Correct it",
    ),
    "layer for a method": (
        "self.beta, self.recon_loss = beta, recon_loss",
        "del VAE.decode; self.decode = nn.Linear(latent_dim, 3)",
        r"decode returned logits of shape \(3, 3\)",
    ),
    "exit": ("return self.dec(z)", "import os, sys; sys.exit(1)", "decode: SystemExit"),
    "long": ("return self.dec(z)", "raise ValueError('x\\n' * 9999)", "decode: ValueError: x x"),
}


@pytest.mark.parametrize("case", list(MISTAKES))
def test_a_mistake_in_a_function_is_one_sentence(case: str, tmp_path: Path) -> None:
    right, wrong, want = MISTAKES[case]
    source = SOLVED["student"].read_text(encoding="utf-8")
    assert right in source
    file = tmp_path / "vae.py"
    file.write_text(source.replace(right, wrong), encoding="utf-8")
    with pytest.raises(LabError, match=want) as caught:
        small("student", student_file=file)
    assert "vae.py" in caught.value.what and "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500 and "vae.md" in caught.value.next_step


@pytest.mark.parametrize(
    "returned",
    [
        "{'z': z, 'mu': mu, 'logits': self.decode(z), 'logvar': logvar}",
        "[self.decode(z), mu, logvar, z]",
        "__import__('types').SimpleNamespace(z=z, logvar=logvar, mu=mu, logits=self.decode(z))",
    ],
)
def test_every_right_way_to_return_is_taken(returned: str, tmp_path: Path) -> None:
    source = SOLVED["student"].read_text(encoding="utf-8")
    file = tmp_path / "vae.py"
    file.write_text(
        source.replace("return self.decode(z), mu, logvar, z", f"return {returned}"),
        encoding="utf-8",
    )
    out = small("student", student_file=file)(torch.rand(2, 1, 28, 28))
    assert out.logits.shape == (2, 1, 28, 28) and out.z.shape == (2, 5)


def test_a_diverged_model_is_not_blamed_on_the_student() -> None:
    model = small("student")
    assert isinstance(model, StudentVAE)
    with torch.no_grad():
        next(model.net.parameters()).fill_(float("nan"))
    assert model(torch.rand(2, 1, 28, 28)).mu.isnan().all()


def test_trying_a_model_leaves_no_trace() -> None:
    torch.manual_seed(9)
    small("student")
    after = torch.rand(1)
    torch.manual_seed(9)
    small("mlp")
    assert torch.equal(after, torch.rand(1))
    assert all(p.grad is None for p in small("student").parameters())


def test_two_students_files_do_not_meet(tmp_path: Path) -> None:
    source = SOLVED["student"].read_text(encoding="utf-8")
    file = tmp_path / "solution.py"
    file.write_text(source.replace("return self.dec(z)", "return 0 * self.dec(z)"))
    plain, silent = small("student"), small("student", student_file=file)
    x = torch.rand(2, 1, 28, 28)
    assert plain(x).logits.abs().sum() > 0 and silent(x).logits.abs().sum() == 0
