"""The command line of the lab, one module a subcommand, loaded when it is called."""

from lab.commands.app import console, main

__all__ = ["console", "main"]
