"""The `tare` command: a group whose commands are imported only when they are used."""

from __future__ import annotations

import importlib
import os
import sys

import click

from runtime.errors import EngineError
from sim.errors import SimError

# command -> module that defines it; figures and statistics take a second to import, `tare run` needs neither
COMMANDS = {
    "bench": "runtime.cli.bench",
    "compare": "runtime.cli.compare",
    "daemon": "runtime.cli.daemon",
    "doctor": "runtime.cli.doctor",
    "explain": "runtime.cli.explain",
    "run": "runtime.cli.run",
    "sim": "runtime.cli.sim",
}


class LazyGroup(click.Group):
    """A group that imports a command's module when the command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command; None when there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        command = getattr(importlib.import_module(COMMANDS[cmd_name]), cmd_name)
        assert isinstance(command, click.Command)
        return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tare-lab", prog_name="tare")
def tare() -> None:
    """Weigh the empty box: what containers and virtual machines cost before anything is put into them."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit.

    Exit codes: 0; 1 for the simulator's and the report's errors; 2 for wrong usage; 125, 126, 127 and the program's
    own from ``tare run``, as `docker run`; 130 after Ctrl-C.
    """
    for standard in (0, 1, 2):  # one that is closed would be taken by the next file that is opened
        try:
            os.fstat(standard)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    try:
        code = tare.main(arguments, prog_name="tare", standalone_mode=False)
    except click.UsageError as error:
        error.show()
        # docker run says 125 where its own options are wrong, so that 1 and 2 stay the program's
        code = 125 if error.ctx is not None and error.ctx.info_name == "run" else error.exit_code
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (EngineError, SimError) as error:
        click.echo(f"tare: {error}", err=True)
        for note in getattr(error, "__notes__", ()):
            click.echo(f"  {note}", err=True)
        if error.hint:
            click.echo(f"hint: {error.hint}", err=True)
        code = error.exit_code if isinstance(error, EngineError) else 1
    except (KeyboardInterrupt, click.Abort):
        click.echo("tare: interrupted", err=True)
        code = 130
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output went away, as `tare explain ... | head` does
        code = 141
    sys.exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()
