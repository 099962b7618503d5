"""`lab data`: fills, lists and empties the local cache of data sets."""

from __future__ import annotations

import click

from lab.commands.options import console, say


@click.command("data")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--list", "list_", is_flag=True, help="Show what is there and what can be fetched.")
@click.option("--clear", is_flag=True, help="Remove NAMES, or everything, from the cache.")
def command(names: tuple[str, ...], list_: bool, clear: bool) -> int:
    """Fetch data sets into the local cache, mnist unless NAMES say otherwise.

    Several sources are tried in order, and checksums are verified. The cache is a folder of your
    own; LATENT_WEEK_DATA names another one.
    """
    from lab import data

    where = console()
    if list_:
        for line in data.overview():
            where.print(line, markup=False)
    elif clear:
        for path in data.forget(*names):
            where.print(f"removed {path}", markup=False)
    else:
        for name in names or ("mnist",):
            where.print(f"{name}: {data.fetch(name, report=say(where))}", markup=False)
    return 0
