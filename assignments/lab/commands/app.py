"""The command group: loads a subcommand only when it is called, and owns every exit code."""

from __future__ import annotations

import difflib
import importlib
import os
import sys
from collections.abc import Mapping
from typing import Any

import click

from lab.errors import LabError

# name -> (module below lab.commands, command in it, one line of help); the lines stand here so
# that `lab --help` imports none of them.
COMMANDS = {
    "train": ("train", "command", "Train a model."),
    "eval": ("evaluate", "command", "Measure a trained model."),
    "sample": (
        "sample",
        {
            "prior": ("prior", "Images from the prior, at several temperatures."),
            "posterior": ("posterior", "Several draws from the posterior of an image."),
            "interpolate": ("interpolate", "From image to image, in a line and on the sphere."),
            "arithmetic": ("arithmetic", "One class minus another plus a third."),
        },
        "Make images.",
    ),
    "viz": (
        "viz",
        {
            "recon-grid": ("recon_grid", "Test images above their reconstructions."),
            "traverse": ("traverse", "Move along one latent dimension at a time."),
            "latent-scatter": ("latent_scatter", "Where the classes lie in latent space."),
            "kl": ("kl", "KL of each latent dimension, and the posterior beside the prior."),
            "curves": ("curves", "Loss, −ELBO, KL and beta over training."),
            "all": ("everything", "Every picture that the model can give."),
        },
        "Draw what a model has learned.",
    ),
    "compare": (
        "compare",
        {"dae": ("dae", "The VAE beside Monday's denoising autoencoder.")},
        "Compare two models.",
    ),
    "check": ("check", "command", "Look for common mistakes before a long training."),
    "data": ("data", "command", "Fetch, list or remove the data sets."),
    "notebooks": ("notebooks", "command", "Write the guides as notebooks."),
    "clean": ("clean", "command", "Remove what the lab has written."),
}


class LazyGroup(click.Group):
    """A group whose subcommands live in modules of their own.

    Names are written `sample prior`, `sample.prior` or `sample_prior`: all are the same.

    Args:
        commands: name -> (module, command or table of commands, help).
    """

    def __init__(self, *args: Any, lazy: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._lazy:
            return None
        module, inner, text = self._lazy[cmd_name]
        if isinstance(inner, dict):
            table = {name: (module, what, line) for name, (what, line) in inner.items()}
            return LazyGroup(cmd_name, lazy=table, help=text)
        command: click.Command = getattr(importlib.import_module(f"lab.commands.{module}"), inner)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, _, text) in self._lazy.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        head, *rest = args[0].replace("_", "-").split(".")
        for name in self._lazy:  # sample_prior is sample prior
            if head not in self._lazy and head.startswith(f"{name}-"):
                head, rest = name, [head.removeprefix(f"{name}-"), *rest]
        try:
            return super().resolve_command(ctx, [head, *rest, *args[1:]])
        except click.UsageError as error:
            near = difflib.get_close_matches(head, self._lazy, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise click.UsageError(f"{error.message}{hint}", ctx) from None


@click.group(
    cls=LazyGroup,
    lazy=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="latent-week", prog_name="lab")
@click.option("--debug", is_flag=True, help="Show the traceback when the lab itself fails.")
def group(debug: bool) -> None:
    """Train, measure and look at generative models.

    Every command opens what `lab train` left in the folder `outputs`. Exit status: 0 done; 1 the
    training failed; 2 a mistake in the call or in a file; 3 the lab itself failed; 130 stopped.
    """


def main(args: list[str] | None = None) -> None:
    """Run the command line; always ends in SystemExit."""
    # Threads that wait in a loop for long stand in each other's way where other programs run; to
    # sleep at once costs a fifth of the speed where none do. Read once, when torch is imported.
    os.environ.setdefault("GOMP_SPINCOUNT", "3000")
    argv = sys.argv[1:] if args is None else args
    debug = "--debug" in argv or bool(os.environ.get("LATENT_WEEK_DEBUG"))
    sys.exit(_guarded([arg for arg in argv if arg != "--debug"], debug))


def console() -> None:
    """The console script."""
    main()


def _guarded(argv: list[str], debug: bool) -> int:
    try:
        result: Any = group.main(args=argv, prog_name="lab", standalone_mode=False)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.exceptions.Abort):
        click.echo("\nlab: stopped.", err=True)
        return 130
    except LabError as error:
        if debug:
            raise
        return _say(error.what, error.next_step, error.exit_code)
    except BrokenPipeError:
        # The reader (`| head`) has gone: quietly, as other tools do.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except MemoryError:
        return _say("The memory is full.", "Use a smaller batch, chunk or model.", 2)
    except Exception as error:
        if debug:
            raise
        text = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        step = "What was written stays; run `lab --debug ...` and report what it shows."
        return _say(f"The lab itself failed: {text}.", step, 3)
    return result if isinstance(result, int) else 0


def _say(what: str, next_step: str, code: int) -> int:
    click.echo(f"lab: {what}", err=True)
    if next_step:
        click.echo(f"     {next_step}", err=True)
    return code
