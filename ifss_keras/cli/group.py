"""The commands of `ifss`, each imported when it is run."""

from __future__ import annotations

import importlib

import click

from ifss_keras import __version__
from ifss_keras.core.checks import known_names

COMMANDS = {
    "agree": "Say how well raters agree, by their volumes or masks",
    "bench": "Train and score the rows of the papers' tables",
    "data": "Check your own volumes before a training, or make their working copies",
    "demo": "See the whole job on a synthetic calf",
    "evaluate": "Compare a mask with the truth",
    "export": "Write the surfaces of a mask, or a data set for nnU-Net",
    "models": "List and describe networks; list, fetch, verify or average weights",
    "phantom": "Write a synthetic volume with its labels",
    "predict": "From a few annotated slices to the whole mask and its millilitres",
    "reconstruct": "Make a volume of a tracked sweep, for display",
    "serve": "Serve napari and 3D Slicer: a few lassos there, the whole mask back",
    "suggest": "Say which slices to annotate next",
    "train": "Train a network by a recipe",
    "tune": "Search the best settings of a recipe",
}


class Group(click.Group):
    """A group that says which commands it has where it is asked for another one, and which is nearest."""

    def resolve_command(self, ctx, args):
        name = args[0]
        unknown = not name.startswith("-") and self.get_command(ctx, name) is None
        if unknown and not ctx.resilient_parsing:
            known = known_names(name, self.list_commands(ctx))
            raise click.UsageError(f"{ctx.command_path} has no command {name!r}: {known}", ctx)
        return super().resolve_command(ctx, args)


class LazyGroup(Group):
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
