"""`lab check`: the pre-training checks of the training guide, as a command."""

from __future__ import annotations

import click

from lab.commands.options import config_options, console, say


@click.command("check")
@config_options
def command(config: str | None, changes: tuple[str, ...]) -> int:
    """Run one batch through model, loss and gradients without training; exit 1 where that fails."""
    import torch

    from lab import models
    from lab.config import load
    from lab.data import batches
    from lab.data import load as load_data
    from lab.training.checks import before_training

    settings = load(config or "mnist", changes)
    where = console()
    dataset = load_data(settings.data.name, fetch=True, report=say(where))
    torch.manual_seed(settings.train.seed)
    model = models.build(settings.model, dataset.image_shape)
    x, _ = next(batches(dataset.train, settings.optim.batch_size))
    for check in before_training(model, x, settings):
        where.print(f"ok  {check.name}: {check.detail}", markup=False)
    return 0
