"""`grade isolation`: which level this machine gives, proved by trying."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

_MEANS = {
    "L3": "namespaces, Landlock, seccomp and limits",
    "L2": "Landlock, seccomp and limits",
    "L1": "a separate process with limits",
}


@click.command("isolation")
@click.option("-v", "--verbose", is_flag=True, help="Show each thing that was tried.")
def command(verbose: bool) -> None:
    """Start a worker, let it try what is forbidden, and show the level it proved."""
    from grading.sandbox import Limits, start_server

    server = start_server()
    try:
        with tempfile.TemporaryDirectory() as folder:
            sandbox = server.sandbox(Path(folder), Limits())
            found = sandbox.isolation
            sandbox.close()
    finally:
        server.close()
    click.echo(f"{found.level}: {_MEANS.get(found.level, '')}")
    for level, reason in found.reasons.items():
        click.echo(f"not {level}: {reason}")
    if verbose:
        width = max(map(len, found.proof), default=0)
        for probe, outcome in found.proof.items():
            click.echo(f"  {probe:<{width}}  {outcome}")
