"""The command `ifss`, guarded from its first moment: whatever ends it is one sentence and an exit code."""

import atexit
import os
import sys
import time

from ifss_keras.cli.stopping import STOPPED, Stopped, was_stopped

# Our matrices are small: BLAS threads would spin and take the cores from TensorFlow.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def main(arguments=None):
    """Runs `ifss`; what a user can mend is one sentence on stderr and exit code 2.

    With the process's own arguments (None) the process ends with the command, and answers signals until then.
    """
    began, stopped = time.monotonic(), Stopped()
    if arguments is None:
        atexit.register(stopped.ignore)  # the first, so that it is called last
    try:
        code = _stoppable(arguments, began, stopped)
    finally:
        if arguments is not None:
            stopped.restore()
    sys.exit(code)


def _stoppable(arguments, began: float, stopped: Stopped) -> int:
    """The exit code of a command, or of the signal that ended it."""
    try:
        _open_standard_streams()
        code = _run(arguments, began)
        code = code if isinstance(code, int) else 0
    except BaseException as error:
        if not was_stopped(error):
            raise
        print(STOPPED, file=sys.stderr, flush=True)
        code = stopped.code
    stopped.too_late(code)
    return code


def _run(arguments, began: float) -> int | None:
    """The exit code of a command."""
    import shlex

    import click

    from ifss_keras.cli.group import cli
    from ifss_keras.cli.options import option_of
    from ifss_keras.core.errors import IFSSError
    from ifss_keras.jobs.call import Call

    given = sys.argv[1:] if arguments is None else arguments
    call = Call(shlex.join(["ifss", *given]), began)
    try:
        code = cli.main(arguments, prog_name="ifss", standalone_mode=False, obj=call)
        sys.stdout.flush()
        return code
    except IFSSError as error:
        told = f"Error: {error}{option_of(error.setting)}"
    except click.exceptions.NoArgsIsHelpError as error:
        told = error.format_message()
    except click.ClickException as error:
        told = f"Error: {error.format_message()}"
    except OSError as error:
        _close_what_cannot_be_written()
        told = f"Error: {_cannot(error)}"
    except MemoryError:
        told = "Error: There is too little memory for this: close other programs, or take a smaller volume or network."
    click.echo(told, err=True)
    return 2


def _cannot(error: OSError) -> str:
    """What the machine refused, in one sentence."""
    if error.filename is not None:
        what = os.fsdecode(error.filename)
    else:
        what = "A file" if error.errno is None else "The output of this command"  # of HDF5, or of a stream
    return f"{what} cannot be read or written: {error.strerror or error}; check name, permission and space."


def _open_standard_streams() -> None:
    """Sends nowhere what is closed (`>&-`), as the next file opened would take its place, and what is odd as `?`."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "w" if number else "r", encoding="utf-8", closefd=False))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a name that the terminal cannot show is no reason to fail


def _close_what_cannot_be_written() -> None:
    """Sends what is left for stdout nowhere if it takes no more, as Python would complain of it at the end."""
    try:
        sys.stdout.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())


if __name__ == "__main__":
    main()
