"""`lab compare dae`: a VAE beside Monday's denoising autoencoder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lab.commands.options import (
    console,
    dataset_of,
    open_model,
    run_options,
    seed_option,
    wrote,
)
from lab.errors import CheckpointError
from lab.outputs import Outputs

if TYPE_CHECKING:
    from rich.console import Console

    from lab.data import Dataset
    from lab.training.checkpoint import Run


@click.command("dae")
@run_options
@seed_option
@click.option(
    "--dae-ckpt",
    "--dae_ckpt",
    "checkpoint",
    type=click.Path(path_type=Path),
    help="A trained autoencoder: its checkpoint or the folder of its run.",
)
@click.option(
    "--dae-config",
    default="dae",
    show_default=True,
    metavar="FILE|NAME",
    help="What to train one from, where there is none yet.",
)
@click.option("--model", type=click.Choice(["dae", "student-dae"]), help="The lab's, or your own.")
@click.option("--epochs", type=click.IntRange(1), help="Of that training.")
def dae(
    config: str | None,
    changes: tuple[str, ...],
    outputs: Path | None,
    which: str,
    seed: int,
    checkpoint: Path | None,
    dae_config: str,
    model: str | None,
    epochs: int | None,
) -> int:
    """Reconstruct, denoise and sample with both: reports/compare_dae.md, grids/compare_dae.png.

    Without --dae-ckpt the autoencoder in OUTPUTS/dae is used; where there is none, it is trained
    on the data of the VAE first.
    """
    run, folder = open_model(config, changes, outputs, which, seed=seed)
    from lab.evaluation import compare
    from lab.pictures import Album

    where = console()
    dataset = dataset_of(run)
    if checkpoint is not None:
        other = _opened(checkpoint)
    else:
        extra = [f"model.name={model or 'dae'}", f"data.name={dataset.name}"]
        extra += [] if epochs is None else [f"optim.epochs={epochs}"]
        other = _opened_or_trained(Outputs(folder.root / "dae"), dae_config, extra, dataset, where)
    compare(run, other, dataset, folder, seed=seed, console=where)
    album, noise = Album(run.model, dataset, folder, seed=seed), other.config.loss
    if noise.corrupt == "none":
        pictures = album.compare_dae(other.model)
    else:
        pictures = album.compare_dae(other.model, noise.corrupt, noise.corrupt_level)
    wrote(where, folder.metrics, folder.report("compare_dae"), *pictures)
    return 0


def _opened(path: Path) -> Run:
    """The run of a checkpoint `FOLDER/ckpts/NAME.pt`, or of its FOLDER."""
    from lab.training.checkpoint import open_run

    if path.suffix == ".pt" and path.parent.name == "ckpts" and path.stem in ("best", "last"):
        return open_run(Outputs(path.parents[1]), path.stem)
    if path.suffix == ".pt":
        raise CheckpointError(
            f"{path} is not a checkpoint of the lab.",
            "Give the folder of a run, or its ckpts/best.pt or ckpts/last.pt.",
        )
    return open_run(Outputs(path))


def _opened_or_trained(
    outputs: Outputs, config: str, changes: list[str], dataset: Dataset, where: Console
) -> Run:
    from lab.config import load
    from lab.training import train

    if not outputs.best.exists():
        where.print(f"No autoencoder in {outputs.root} yet: training one.", markup=False)
        made = train(load(config, [*changes, f"outputs={outputs.root}"]), dataset, console=where)
        if made.stopped is not None:
            raise CheckpointError(
                f"The training of the autoencoder in {outputs.root} was stopped.",
                f"Go on with `lab train --config {config} --outputs {outputs.root} --resume`.",
            )
    return _opened(outputs.root)
