"""Every subcommand of `lab` on tiny data: what it leaves, and what it says to mistakes."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from lab.commands import main

Lab = Callable[..., tuple[int, str, str]]
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """An empty cache: what needs more than the drawn data sets would be noticed."""
    monkeypatch.setenv("LATENT_WEEK_DATA", str(tmp_path_factory.getbasetemp() / "no-data"))
    torch.set_num_threads(1)


@pytest.fixture
def lab(capsys: pytest.CaptureFixture[str]) -> Lab:
    def run(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stop:
            main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return int(stop.value.code or 0), out, err

    return run


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The outputs of a short training; tests only add files to them."""
    outputs = tmp_path_factory.mktemp("run") / "outputs"
    with pytest.raises(SystemExit) as stop:
        main(["train", "--config", "smoke", "--outputs", str(outputs), "--quiet"])
    assert not stop.value.code
    return outputs


def test_training_leaves_checkpoints_and_logs(trained: Path) -> None:
    for name in ("ckpts/best.pt", "ckpts/last.pt", "logs/train.log", "logs/metrics.csv"):
        assert (trained / name).stat().st_size > 0, name
    with (trained / "logs/metrics.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {"loss", "recon", "kl", "beta"} <= {r["metric"] for r in rows if r["phase"] == "train"}
    assert "neg_elbo" in {r["metric"] for r in rows if r["phase"] == "valid"}


@pytest.mark.parametrize(
    ("words", "file"),
    [
        ("sample prior", "samples/prior_samples.png"),
        ("sample.prior --temperature 0.7 --count 9", "samples/prior_samples.png"),
        ("sample posterior", "samples/posterior_samples.png"),
        ("sample.interpolate", "grids/interpolations.png"),
        ("sample arithmetic --terms 7 1 4", "grids/arithmetic.png"),
        ("viz recon-grid", "grids/recon_grid.png"),
        ("viz.recon_grid", "grids/recon_grid.png"),
        ("viz_recon_grid", "grids/recon_grid.png"),
        ("viz.traverse --dims 0 1 2", "grids/traverse_dim_2.png"),
        ("viz.latent_scatter", "grids/latent_scatter.png"),
        ("viz kl", "grids/kl_per_dim.png"),
        ("viz curves", "grids/training_curves.png"),
    ],
)
def test_a_picture_lies_where_the_command_says(
    lab: Lab, trained: Path, words: str, file: str
) -> None:
    (trained / file).unlink(missing_ok=True)
    code, out, err = lab(*words.split(), "--outputs", trained)
    assert code == 0, err
    assert f"wrote {trained / file}" in out.replace("\n", "")
    assert (trained / file).read_bytes().startswith(b"\x89PNG")


def test_all_pictures_at_once(lab: Lab, trained: Path) -> None:
    code, out, _ = lab("viz", "all", "--outputs", trained)
    assert code == 0
    for name in ("grids/recon_grid", "samples/prior_samples", "grids/posterior_vs_prior"):
        assert (trained / f"{name}.png").is_file()
    assert out.count("wrote") > 10


def test_the_same_seed_gives_the_same_picture(lab: Lab, trained: Path) -> None:
    path = trained / "samples/prior_samples.png"
    seen = []
    for seed in (1, 1, 2):
        assert lab("sample", "prior", "-o", trained, "--seed", seed)[0] == 0
        seen.append(path.read_bytes())
    assert seen[0] == seen[1] != seen[2]


def test_eval_writes_numbers_and_a_report(lab: Lab, trained: Path) -> None:
    code, _out, err = lab("eval", "--outputs", trained, "--set", "eval.iwae_samples=3")
    assert code == 0, err
    with (trained / "logs/metrics.csv").open(encoding="utf-8") as file:
        names = {row["metric"] for row in csv.DictReader(file) if row["phase"] == "eval"}
    due = {"neg_elbo", "neg_iwae_3", "psnr", "ssim", "lpips", "frechet", "active_units"}
    assert due <= names
    assert {"kl_dim_00", "recon_mse", "recon_mae", "recon_bce", "mu_std"} <= names
    assert "ELBO" in (trained / "reports/evaluation.md").read_text(encoding="utf-8")


def test_compare_trains_the_autoencoder_where_there_is_none(lab: Lab, trained: Path) -> None:
    code, _out, err = lab("compare", "dae", "-o", trained, "--dae-config", "smoke", "--epochs", 1)
    assert code == 0, err
    assert (trained / "dae/ckpts/best.pt").is_file()
    assert (trained / "reports/compare_dae.md").is_file()
    assert (trained / "grids/compare_dae.png").is_file()
    again = lab("compare.dae", "-o", trained, "--dae_ckpt", trained / "dae/ckpts/best.pt")
    assert again[0] == 0 and "epoch" not in again[1]


def test_check_says_what_is_fine(lab: Lab) -> None:
    code, out, _ = lab("check", "--config", "smoke")
    assert code == 0
    assert out.count("ok ") >= 5 and "FAIL" not in out


def test_resume_needs_a_run_and_goes_on(lab: Lab, tmp_path: Path) -> None:
    arguments = ("train", "-c", "smoke", "-o", tmp_path / "o", "-q")
    code, _, err = lab(*arguments, "--resume")
    assert code == 2 and str(tmp_path / "o") in err
    assert lab(*arguments, "--epochs", 1)[0] == 0
    assert lab(*arguments, "--epochs", 2, "--resume")[0] == 0
    log = (tmp_path / "o/logs/train.log").read_text(encoding="utf-8")
    assert "epoch 2/2" in log


def test_control_c_loses_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "lab", "train", "-c", "smoke", "-o", "o", "--epochs", "2000"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
        # A shell's background job ignores SIGINT, and so would the training, as it should.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        last = tmp_path / "o/ckpts/last.pt"
        end = time.monotonic() + 90
        while not last.exists() and time.monotonic() < end:
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        out = process.communicate(timeout=60)[0].decode()
    assert process.returncode == 130, out
    assert "--resume" in out and "Traceback" not in out
    with pytest.raises(SystemExit) as stop:
        main(["sample", "prior", "-o", str(tmp_path / "o")])
    assert not stop.value.code


def test_clean_removes_what_the_lab_wrote_and_no_more(lab: Lab, tmp_path: Path) -> None:
    for name in ("ckpts/a.pt", "grids/b.png", "notes/mine.txt", "dae/logs/c.csv", ".lock"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x", encoding="utf-8")
    assert lab("clean", "-o", tmp_path, "--keep-checkpoints")[0] == 0
    assert (tmp_path / "ckpts/a.pt").exists() and not (tmp_path / "grids").exists()
    assert lab("clean", "-o", tmp_path)[0] == 0
    left = [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")]
    assert sorted(left) == ["notes", "notes/mine.txt"]
    assert lab("clean", "-o", tmp_path / "none")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("trian",), "Did you mean 'train'?"),
        (("sample.priro",), "Did you mean 'prior'?"),
        (("train", "-c", "mnits"), "There is no configuration 'mnits'"),
        (("train", "-c", "smoke", "--set", "optim.lrr=1"), "Did you mean lr?"),
        (("train", "-c", "smoke", "--set", "optim.lr=-1"), "optim.lr is -1"),
        (("train", "-c", "smoke", "--set", "optim.lr"), "section.key=value"),
        (("train", "-c", "smoke", "--data", "mnist5"), "mnist5"),
        (("eval", "-o", "nowhere"), "nowhere"),
        (("sample", "prior", "-o", "nowhere"), "lab train"),
        (("data", "nothing"), "nothing"),
    ],
)
def test_a_mistake_is_one_sentence(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = lab(*arguments)
    assert code == 2
    assert says in err
    assert len(err.strip().splitlines()) <= 5
    assert not list(tmp_path.iterdir()), "nothing is written"


def test_a_mistake_about_a_trained_model_is_one_sentence(lab: Lab, trained: Path) -> None:
    for arguments, says in (
        (("viz.traverse", "--dims", "0", "99"), "99"),
        (("sample", "arithmetic", "--terms", "7", "1", "zebra"), "zebra"),
        (("sample", "prior", "--config", "cifar10"), "cifar10"),
        (("eval", "--set", "model.latent_dim=3"), "already trained"),
        (("eval", "--set", "eval.chunk=0"), "eval.chunk"),
    ):
        code, _, err = lab(*arguments, "-o", trained)
        assert code == 2 and says in err, (arguments, err)


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 not a checkpoint", None])
def test_a_broken_checkpoint_is_named(
    lab: Lab, trained: Path, tmp_path: Path, damage: bytes | None
) -> None:
    whole = (trained / "ckpts/best.pt").read_bytes()
    path = tmp_path / "ckpts/best.pt"
    path.parent.mkdir()
    path.write_bytes(whole[: len(whole) // 2] if damage is None else damage)
    code, _, err = lab("viz", "recon-grid", "-o", tmp_path)
    assert code == 2 and "best.pt" in err


def test_help_is_quick_to_load() -> None:
    """`lab --help` imports neither torch nor anything else that takes long."""
    program = (
        "import sys\nfrom lab.commands import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        "heavy = {'torch', 'numpy', 'rich', 'pydantic', 'matplotlib', 'yaml'} & set(sys.modules)\n"
        "sys.exit(f'imports {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for name in ("train", "eval", "sample", "viz", "compare", "data", "notebooks"):
        assert f"  {name} " in done.stdout


def test_every_make_target_of_the_lab_exists() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    lab = ["data", "train-mnist", "train-cifar10", "eval", "sample", "viz-recon", "viz-traverse"]
    lab += ["viz-scatter", "interpolate", "compare-dae", "notebooks"]
    for name in [*lab, "install", "install-dev", "lint", "format", "test", "clean", "clean-all"]:
        assert f"\n{name}:" in text, name
