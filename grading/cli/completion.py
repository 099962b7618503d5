"""`grade completion`: the script that a shell loads to complete commands, parts and tasks."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

_HOW = {
    "bash": 'eval "$(grade completion bash)"     # in ~/.bashrc',
    "zsh": 'eval "$(grade completion zsh)"      # in ~/.zshrc',
    "fish": "grade completion fish | source      # in ~/.config/fish/config.fish",
}


@click.command("completion")
@click.argument("shell", type=click.Choice(list(_HOW)))
def command(shell: str) -> None:
    """Print the completion script for SHELL; load it from the shell's start file."""
    from grading.cli.app import group

    complete = get_completion_class(shell)
    assert complete is not None
    click.echo(f"# {_HOW[shell]}")
    click.echo(complete(group, {}, "grade", "_GRADE_COMPLETE").source())
