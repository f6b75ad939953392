"""`ifss serve`."""

from __future__ import annotations

from pathlib import Path

import click

from ifss_keras.cli.options import Gigabytes
from ifss_keras.zoo.presets import DEFAULT_PRESET


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Another than this machine's own needs a key.")
@click.option("--port", type=click.IntRange(0, 65535), default=1527, show_default=True, help="0: any that is free.")
@click.option("--api-key-file", type=click.Path(path_type=Path), help="One line: the key that clients must know.")
@click.option(
    "--workspace",
    type=click.Path(path_type=Path),
    default=Path("ifss-workspace"),
    show_default=True,
    help="Folder of all that is annotated, images included.",
)
@click.option(
    "--max-memory-gb",
    type=Gigabytes(10_000),
    help="That the images of all clients may take.  [default: half of what is free]",
)
@click.option("--preset", default=DEFAULT_PRESET, show_default=True, help="A released network, or a training's folder.")
def serve(preset, **choices):
    """Serve napari and 3D Slicer: draw around a muscle on a few slices there, and get the whole mask.

    Point the clients of nnInteractive (napari-nninteractive, SlicerNNInteractive) at the address that is printed, and
    use their lasso. All that is drawn is kept in the workspace: a server that was stopped, or killed, goes on with it.
    Needs the extra serve: pip install "ifss_keras[serve]".

    \b
    Example: ifss serve --workspace study
    """
    from ifss_keras.core.backend import start_backend
    from ifss_keras.core.errors import InputError

    try:
        from ifss_keras.server.run import serve as run_server
    except ModuleNotFoundError as error:
        raise InputError(
            f'A server needs {error.name}, which is not installed: install the extra serve, pip install "ifss_keras['
            'serve]".'
        ) from None
    from ifss_keras.server.model import model_facts

    def load():
        start_backend()
        from ifss_keras.inference.predictor import Predictor

        return Predictor.from_preset(preset)

    run_server(load, model_facts(preset), told=click.echo, **choices)
