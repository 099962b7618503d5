"""`lab eval`: every number about a trained model, in `metrics.csv` and a report."""

from __future__ import annotations

from pathlib import Path

import click

from lab.commands.options import console, dataset_of, open_model, run_options, seed_option, wrote


@click.command("eval")
@run_options
@seed_option
def command(
    config: str | None, changes: tuple[str, ...], outputs: Path | None, which: str, seed: int
) -> int:
    """Measure a trained model on the test images: likelihood, pictures, latents, samples."""
    run, folder = open_model(config, changes, outputs, which, seed=seed)
    from lab.evaluation import evaluate

    where = console()
    evaluate(run, dataset_of(run), folder, seed=seed, console=where)
    wrote(where, folder.metrics, folder.report("evaluation"))
    return 0
