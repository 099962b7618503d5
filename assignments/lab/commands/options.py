"""Options that several commands share, and the run that they open."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lab.errors import CheckpointError

if TYPE_CHECKING:
    from rich.console import Console

    from lab.config import Config
    from lab.data import Dataset
    from lab.outputs import Outputs
    from lab.pictures import Album
    from lab.training.checkpoint import Run

Command = Callable[..., Any]


def config_options(function: Command) -> Command:
    """`--config` and `--set`, for commands that start from a configuration."""
    function = click.option(
        "--set",
        "changes",
        multiple=True,
        metavar="KEY=VALUE",
        help="Change a key of the configuration, for example optim.lr=3e-4; repeatable.",
    )(function)
    return click.option(
        "--config",
        "-c",
        default=None,
        metavar="FILE|NAME",
        help="A YAML file or one that ships with the lab: mnist, cifar10, ...",
    )(function)


def run_options(function: Command) -> Command:
    """What every command takes that opens a trained model."""
    function = click.option(
        "--checkpoint",
        "which",
        type=click.Choice(["best", "last"]),
        default="best",
        show_default=True,
        help="The best on held-out images, or the last.",
    )(function)
    function = click.option(
        "--outputs",
        "-o",
        type=click.Path(path_type=Path, file_okay=False),
        default=None,
        metavar="FOLDER",
        help="Folder of the run [default: the configuration's, else outputs].",
    )(function)
    return config_options(function)


def seed_option(function: Command) -> Command:
    """`--seed` of what is drawn at random."""
    return click.option("--seed", type=int, default=0, show_default=True, help="Of the draws.")(
        function
    )


def console(*, quiet: bool = False) -> Console:
    """Where commands write for people; colours only on a terminal."""
    from rich.console import Console

    return Console(quiet=quiet, highlight=False, soft_wrap=True)


def outputs_of(config: Config | None, given: Path | None) -> Outputs:
    """The folder of the run: given, else the configuration's, else `outputs`."""
    from lab.outputs import Outputs

    return Outputs(given or (config.outputs if config else Path("outputs")))


def open_model(
    config: str | None,
    changes: tuple[str, ...],
    outputs: Path | None,
    which: str,
    *,
    seed: int | None = None,
) -> tuple[Run, Outputs]:
    """The trained model that the options name; the global generator is seeded, if asked.

    With a configuration, the checkpoint must have been trained from the same data and model, so
    that `--config cifar10` never shows MNIST; `--set eval.…` changes how closely it is looked at.

    Raises:
        CheckpointError: none there, broken, or of another data set or model.
    """
    import torch

    from lab.config import changed, load
    from lab.training.checkpoint import open_run

    wanted = load(config, changes) if config is not None else None
    folder = outputs_of(wanted, outputs)
    run = open_run(folder, which)
    if wanted is not None:
        for key in ("name", "latent_dim"):
            mine, due = getattr(run.config.model, key), getattr(wanted.model, key)
            if mine != due:
                raise CheckpointError(
                    f"{folder.root / 'ckpts'} holds a model with {key} {mine}, but {config} says "
                    f"{due}.",
                    "Leave --config out to use the checkpoint as it is, or train that one first.",
                )
        if run.config.data.name != wanted.data.name:
            raise CheckpointError(
                f"{folder.root / 'ckpts'} was trained on {run.config.data.name}, but {config} says "
                f"{wanted.data.name}.",
                "Leave --config out to use the checkpoint as it is, or train that one first.",
            )
        run = run._replace(config=run.config.model_copy(update={"eval": wanted.eval}))
    elif changes:
        for change in changes:
            if not change.startswith("eval."):
                raise CheckpointError(
                    f"--set {change!r} cannot change a model that is already trained.",
                    "Only keys of `eval` can be changed here.",
                )
        run = run._replace(config=changed(run.config, changes))
    if seed is not None:
        torch.manual_seed(seed)
    return run, folder


def dataset_of(run: Run) -> Dataset:
    """The data set that a model was trained on; fetched where it is no longer there."""
    from lab.data import load

    return load(run.config.data.name, fetch=True)


def say(where: Console) -> Callable[[str], None]:
    """A function that prints a line as it is; brackets in a path are no markup."""

    def line(text: str) -> None:
        where.print(text, markup=False)

    return line


def wrote(where: Console, *paths: Path) -> None:
    """Say which files were written."""
    for path in paths:
        where.print(f"wrote {path}", markup=False)


def album_of(
    config: str | None, changes: tuple[str, ...], outputs: Path | None, which: str, seed: int
) -> Album:
    """The album of the trained model that the options name."""
    run, folder = open_model(config, changes, outputs, which, seed=seed)
    from lab.pictures import Album

    return Album(run.model, dataset_of(run), folder, seed=seed)
