"""The command group: loads a subcommand only when it is called, and owns every exit code."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from typing import Any

import click

from grading.errors import CourseError, GraderError

# name -> (module below grading.cli, one line of help); the line stands here so that
# `grade --help` imports none of them.
COMMANDS = {
    "run": ("run", "Grade a submission and show its score."),
    "watch": ("watch", "Grade a part again each time its file is saved."),
    "explain": ("explain", "Show a task: its points, tests and section of the guide."),
    "demo": ("demo", "Grade a skeleton, a half-done, a right and a hostile submission."),
    "audit": ("audit", "Prove that the tests of a part tell right from wrong."),
    "skeleton": ("skeleton", "Compare or write the student files made from the solutions."),
    "isolation": ("isolation", "Show how well this machine can confine a submission."),
    "completion": ("completion", "Print the shell completion script."),
}


class LazyGroup(click.Group):
    """A group whose subcommands live in modules of their own."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"grading.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            import difflib

            near = difflib.get_close_matches(args[0], COMMANDS, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise click.UsageError(f"{error.message}{hint}", ctx) from None


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="latent-week", prog_name="grade")
@click.option("--debug", is_flag=True, help="Show the traceback when the grader itself fails.")
@click.pass_context
def group(ctx: click.Context, debug: bool) -> None:
    """Weighted scores from pytest results, with student code in a process of its own.

    Exit status: 0 graded, whatever the score; 1 below --fail-under, or an audit that found
    something; 2 a mistake in the call; 3 the grader itself failed.
    """
    ctx.obj = {"debug": debug}


def main(args: list[str] | None = None) -> None:
    """Run the command line; always ends in SystemExit."""
    argv = sys.argv[1:] if args is None else args
    debug = "--debug" in argv or bool(os.environ.get("LATENT_WEEK_DEBUG"))
    sys.exit(_guarded(argv, debug))


def console() -> None:
    """The console script: `main`, then the end at once.

    Python would take torch apart first, module by module, which takes 0.3 s and frees nothing that
    the system does not.
    """
    code = 3
    try:
        main()
    except SystemExit as stop:
        code = int(stop.code or 0)
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    with contextlib.suppress(OSError):
        sys.stderr.flush()
    os._exit(code)


def _guarded(argv: list[str], debug: bool) -> int:
    try:
        result: Any = group.main(args=argv, prog_name="grade", standalone_mode=False)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.exceptions.Abort):
        click.echo("\ngrade: stopped; nothing was written.", err=True)
        return 130
    except CourseError as error:
        if debug:
            raise
        return _say(error)
    except BrokenPipeError:
        # The reader (`| head`) has gone: quietly, as other tools do.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if debug:
            raise
        text = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        return _say(
            GraderError(
                f"The grader itself failed: {text}.",
                "Your work is untouched; run `grade --debug ...` and report what it shows.",
            )
        )
    return result if isinstance(result, int) else 0


def _say(error: CourseError) -> int:
    click.echo(f"grade: {error.what}", err=True)
    if error.next_step:
        click.echo(f"       {error.next_step}", err=True)
    return error.exit_code
