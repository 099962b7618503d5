"""`lab train`: from a configuration to a checkpoint."""

from __future__ import annotations

from pathlib import Path

import click

from lab.commands.options import config_options, console, say

_MODELS = ["conv", "resnet", "mlp", "student", "dae", "student-dae"]


@click.command("train")
@config_options
@click.option("--model", type=click.Choice(_MODELS), help="Instead of the configuration's.")
@click.option("--data", metavar="NAME", help="Data set, instead of the configuration's.")
@click.option("--epochs", type=click.IntRange(1), help="Instead of the configuration's.")
@click.option(
    "--outputs",
    "-o",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Where everything is written.",
)
@click.option("--resume", is_flag=True, help="Go on from the last checkpoint, bit for bit.")
@click.option("--minutes", type=click.FloatRange(min=0, min_open=True), help="Stop after so long.")
@click.option("--quiet", "-q", is_flag=True, help="Write to the logs only.")
def command(
    config: str | None,
    changes: tuple[str, ...],
    model: str | None,
    data: str | None,
    epochs: int | None,
    outputs: Path | None,
    resume: bool,
    minutes: float | None,
    quiet: bool,
) -> int:
    """Train a model; `mnist` is the configuration unless --config says otherwise.

    Ctrl-C stops after the running step and loses nothing: `--resume` goes on from there, with the
    same result as if it had never stopped.
    """
    from lab.config import load
    from lab.data import load as load_data
    from lab.training import train

    extra = {
        "model.name": model,
        "data.name": data,
        "optim.epochs": epochs,
        "outputs": outputs,
    }
    changes += tuple(f"{key}={value}" for key, value in extra.items() if value is not None)
    settings = load(config or "mnist", changes)
    where = console(quiet=quiet)
    dataset = load_data(
        settings.data.name, fetch=True, limit=settings.data.limit, report=say(where)
    )
    result = train(
        settings,
        dataset,
        resume=resume,
        console=where,
        max_seconds=None if minutes is None else minutes * 60,
    )
    return 130 if result.stopped == "interrupted" else 0
