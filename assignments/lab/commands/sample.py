"""`lab sample …`: images that a trained model makes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lab.commands.options import album_of, console, run_options, seed_option, wrote
from lab.errors import LabError

if TYPE_CHECKING:
    from lab.pictures import Album


@click.command("prior")
@run_options
@seed_option
@click.option("--count", "-n", type=click.IntRange(1, 400), default=40, show_default=True)
@click.option(
    "--temperature",
    "-t",
    type=click.FloatRange(0, 10),
    default=1.0,
    show_default=True,
    help="Standard deviation of the codes; below 1: cleaner, less varied.",
)
def prior(count: int, temperature: float, **options: Any) -> int:
    """Images from z ~ N(0, temperature² I): samples/prior_samples.png."""
    return _draw(album_of(**options).prior_samples(count, temperature))


@click.command("posterior")
@run_options
@seed_option
@click.option("--count", "-n", type=click.IntRange(1, 40), default=6, show_default=True)
@click.option("--draws", type=click.IntRange(1, 40), default=8, show_default=True)
def posterior(count: int, draws: int, **options: Any) -> int:
    """Several draws z ~ q(z|x) for each of some test images: samples/posterior_samples.png."""
    return _draw(album_of(**options).posterior_samples(count, draws))


@click.command("interpolate")
@run_options
@seed_option
@click.option("--pairs", type=click.IntRange(1, 20), default=5, show_default=True)
@click.option("--steps", type=click.IntRange(2, 40), default=11, show_default=True)
def interpolate(pairs: int, steps: int, **options: Any) -> int:
    """From test image to test image, linear above spherical: grids/interpolations.png."""
    return _draw(album_of(**options).interpolations(pairs, steps))


@click.command("arithmetic")
@run_options
@seed_option
@click.option(
    "--terms",
    nargs=3,
    metavar="A B C",
    multiple=True,
    help="Classes of A − B + C, by name or number; repeatable [default: some of each].",
)
def arithmetic(terms: tuple[tuple[str, str, str], ...], **options: Any) -> int:
    """Class means A − B + C, decoded: grids/arithmetic.png."""
    album = album_of(**options)
    rows = [(_class(album, a), _class(album, b), _class(album, c)) for a, b, c in terms]
    return _draw(album.arithmetic(rows or None))


def _class(album: Album, text: str) -> int:
    """The number of a class that is named or numbered."""
    classes = list(album.dataset.classes)
    if text in classes:
        return classes.index(text)
    if text.isdecimal() and int(text) < len(classes):
        return int(text)
    raise LabError(f"There is no class {text!r}.", f"Choose from: {', '.join(classes)}.")


def _draw(paths: list[Path]) -> int:
    wrote(console(), *paths)
    return 0
