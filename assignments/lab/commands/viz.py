"""`lab viz …`: pictures of what a trained model has learned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from lab.commands.options import album_of, console, run_options, seed_option, wrote


class _Listed(click.Command):
    """Takes `--dims 0 1 2` as well as `--dims 0 --dims 1 --dims 2`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        spread: list[str] = []
        listing = False
        for arg in args:
            if listing and arg.isdecimal() and spread[-1] != "--dims":
                spread += ["--dims", arg]
                continue
            listing = arg == "--dims" or (listing and spread[-1] == "--dims")
            spread.append(arg)
        return super().parse_args(ctx, spread)


@click.command("recon-grid")
@run_options
@seed_option
@click.option("--count", "-n", type=click.IntRange(1, 200), default=30, show_default=True)
def recon_grid(count: int, **options: Any) -> int:
    """Test images above their reconstructions: grids/recon_grid.png."""
    return _draw(album_of(**options).recon_grid(count))


@click.command("traverse", cls=_Listed)
@run_options
@seed_option
@click.option(
    "--dims", type=int, multiple=True, metavar="K...", help="Which dimensions [default: all]."
)
def traverse(dims: tuple[int, ...], **options: Any) -> int:
    """Each dimension from −3 to 3, the others at rest: grids/traverse_dim_K.png."""
    return _draw(album_of(**options).traverse(dims or None))


@click.command("latent-scatter")
@run_options
@seed_option
@click.option(
    "--plane",
    type=click.Choice(["auto", "active", "pca"]),
    default="auto",
    show_default=True,
    help="For more than two dimensions: the two most used, or principal axes.",
)
def latent_scatter(plane: str, **options: Any) -> int:
    """Codes of test images, colored by class: grids/latent_scatter.png."""
    return _draw(album_of(**options).latent_scatter(plane))


@click.command("kl")
@run_options
@seed_option
def kl(**options: Any) -> int:
    """grids/kl_per_dim.png, and codes beside the prior: grids/posterior_vs_prior.png."""
    album = album_of(**options)
    return _draw([*album.kl_per_dim(), *album.posterior_vs_prior()])


@click.command("curves")
@run_options
@seed_option
def curves(**options: Any) -> int:
    """Loss, its parts, β and −ELBO over training: grids/training_curves.png."""
    return _draw(album_of(**options).training_curves())


@click.command("all")
@run_options
@seed_option
def everything(**options: Any) -> int:
    """Every picture that the model can give."""
    where = console()
    left_out: list[str] = []
    for path in album_of(**options).everything(left_out):
        wrote(where, path)
    for sentence in left_out:
        where.print(f"left out {sentence}", markup=False)
    return 0


def _draw(paths: list[Path]) -> int:
    wrote(console(), *paths)
    return 0
