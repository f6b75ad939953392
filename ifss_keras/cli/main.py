"""The command `ifss`: each command parses, calls one library function and prints."""

from __future__ import annotations

import importlib
import os
import sys

import click

from ifss_keras import __version__
from ifss_keras.cli.options import option_of, was_interrupted
from ifss_keras.core.errors import IFSSError

# Our matrices are small: BLAS threads would spin and take the cores from TensorFlow.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

COMMANDS = {
    "demo": "See the whole job on a synthetic calf",
    "evaluate": "Compare a mask with the truth",
    "models": "List and describe networks, list and verify released weights, or average your own",
    "phantom": "Write a synthetic volume with its labels",
    "predict": "From a few annotated slices to the whole mask and its millilitres",
    "train": "Train a network by a recipe",
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are run, so that help does not wait for TensorFlow."""

    def list_commands(self, ctx):
        return sorted(COMMANDS)

    def get_command(self, ctx, name):
        if name not in COMMANDS:
            return None
        return getattr(importlib.import_module(f"ifss_keras.cli.{name}"), name)

    def format_commands(self, ctx, formatter):
        with formatter.section("Commands"):
            formatter.write_dl(sorted(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="ifss")
def cli():
    """Muscle volumes from 3D ultrasound, MRI or CT with a few annotated slices."""


def main(arguments=None):
    """Runs `ifss`; what a user can mend is one sentence on stderr and exit code 2."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a name that the terminal cannot show is no reason to fail
    try:
        code = cli.main(arguments, prog_name="ifss", standalone_mode=False)
        sys.stdout.flush()
    except IFSSError as error:
        click.echo(f"Error: {error}{option_of(error.setting)}", err=True)
        code = 2
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        code = 2
    except click.ClickException as error:
        click.echo(f"Error: {error.format_message()}", err=True)
        code = 2
    except OSError as error:
        _close_what_cannot_be_written()
        click.echo(f"Error: {_cannot(error)}", err=True)
        code = 2
    except (click.Abort, KeyboardInterrupt):
        code = _interrupted()
    except Exception as error:
        if not was_interrupted(error):
            raise
        code = _interrupted()
    sys.exit(code if isinstance(code, int) else 0)


def _interrupted() -> int:
    click.echo("Interrupted; nothing was half-written.", err=True)
    return 130


def _cannot(error: OSError) -> str:
    """What the machine refused, in one sentence."""
    if error.filename is not None:
        what = os.fspath(error.filename)
    else:
        what = "A file" if error.errno is None else "The output of this command"  # of HDF5, or of a stream
    return f"{what} cannot be read or written: {error.strerror or error}; check name, permission and space."


def _close_what_cannot_be_written() -> None:
    """Sends what is left for stdout nowhere if it takes no more, as Python would complain of it at the end."""
    try:
        sys.stdout.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())


if __name__ == "__main__":
    main()
