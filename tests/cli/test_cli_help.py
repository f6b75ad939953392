"""Help, and that it does not wait for TensorFlow."""

import re
import subprocess
import sys

import pytest

from ifss_keras import __version__
from ifss_keras.cli.group import COMMANDS, cli
from tests.cli.sentences import one_sentence

HEAVY = "{'tensorflow', 'keras', 'jax', 'torch', 'matplotlib', 'trimesh'}"

OPTIONS = {
    ("predict",): ["IMAGE", "--reference", "--output", "--preset", "--method", "--axis", "--spacing-mm",
                   "--frame-step-mm", "--max-gb", "--memory-gb", "--poses", "--calibration", "--space", "--label",
                   "--complete", "--ends-annotated", "--report", "--subject", "--previous", "--batch", "--workers",
                   "--scheduler", "--force", "--json"],
    ("evaluate",): ["PREDICTION", "TRUTH", "--axis", "--spacing-mm", "--frame-step-mm", "--max-gb", "--label",
                    "--report", "--subject", "--force", "--json"],
    ("agree",): ["PLACES", "--label", "--spacing-mm", "--max-gb", "--report", "--force", "--json"],
    ("phantom",): ["IMAGE", "--labels", "--kind", "--seed", "--slices", "--size", "--length-mm", "--appearance",
                   "--ends", "--force"],
    ("reconstruct",): ["SWEEP", "--output", "--labels", "--labels-output", "--spacing-mm", "--weighting", "--fill-mm",
                       "--poses", "--calibration", "--space", "--max-gb", "--force", "--json"],
    ("suggest",): ["IMAGE", "--reference", "--count", "--preset", "--axis", "--spacing-mm", "--frame-step-mm",
                   "--max-gb", "--memory-gb", "--poses", "--calibration", "--space", "--label", "--complete",
                   "--ends-annotated", "--json"],
    ("train",): ["--recipe", "--output", "--corpus", "--start-from", "--resume"],
    ("data",): ["check", "prepare"],
    ("data", "check"): ["DATASET", "--report", "--force", "--json"],
    ("data", "prepare"): ["DATASET", "--output"],
    ("tune",): ["RECIPE", "--output", "--corpus", "--trials", "--json"],
    ("demo",): ["--output", "--force"],
    ("export",): ["SOURCE", "--output", "--nnunet", "--label", "--space", "--smoothing-mm", "--spacing-mm", "--max-gb",
                  "--sparse", "--channel", "--licence", "--force", "--json"],
    ("bench",): ["--table", "--miccai", "--all", "--output", "--data", "--recipes", "--full"],
    ("serve",): ["--host", "--port", "--api-key-file", "--workspace", "--max-memory-gb", "--preset"],
    ("models",): ["list", "describe", "pull", "path", "verify", "remove", "average", "export"],
    ("models", "list"): ["--json"],
    ("models", "describe"): ["NAME", "--variant", "--size", "--json"],
    ("models", "pull"): ["NAMES", "--all", "--json"],
    ("models", "path"): ["NAME", "--json"],
    ("models", "verify"): ["NAMES", "--json"],
    ("models", "remove"): ["NAMES", "--json"],
    ("models", "average"): ["TRAININGS", "--output"],
    ("models", "export"): ["PRESET", "--output"],
}  # fmt: skip


@pytest.mark.parametrize("command", OPTIONS, ids=" ".join)
def test_help_names_every_option(command, ifss):
    outcome = ifss(*command, "--help")
    assert (outcome.code, outcome.err) == (0, "")
    for option in OPTIONS[command]:
        assert option in outcome.out


@pytest.mark.parametrize("command", OPTIONS, ids=" ".join)
def test_every_option_is_named_above(command):
    found = cli
    for name in command:
        found = found.get_command(None, name)
    options = [option for item in found.params for option in (*item.opts, *item.secondary_opts) if option[:2] == "--"]
    assert sorted(options) == sorted(name for name in OPTIONS[command] if name.startswith("--"))


def test_help_of_ifss_lists_every_command_with_its_own_summary(ifss):
    outcome = ifss("--help")
    assert outcome.code == 0
    for name, summary in COMMANDS.items():
        assert f"{name} " in outcome.out
        assert summary in " ".join(outcome.out.split())
    assert {command[0] for command in OPTIONS} == set(COMMANDS)


def test_no_command_shows_the_help_and_fails(ifss):
    outcome = ifss()
    assert outcome.code == 2
    assert outcome.err.startswith("Usage: ifss")
    assert "predict" in outcome.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("predct",), "ifss has no command 'predct': expected one of agree, bench, data, .*; did you mean predict?"),
        (("models", "lst"), "ifss models has no command 'lst': expected one of average, .*; did you mean list?"),
        (("data", "chekc"), "ifss data has no command 'chekc': expected one of check, prepare; did you mean check?"),
        (("xyz",), "ifss has no command 'xyz': expected one of agree, .*, train, tune; choose one of these."),
    ],
)
def test_an_unknown_command_gets_the_nearest(arguments, said, ifss):
    assert re.fullmatch(rf"Error: {said}\n".replace("?", r"\?"), one_sentence(ifss(*arguments)))


def test_version(ifss):
    assert ifss("--version").out.strip().endswith(__version__)


def test_help_and_import_leave_tensorflow_alone():
    # in one process of its own: this one has long imported it
    script = f"""
import contextlib, io, sys
import ifss_keras, ifss_keras.zoo
from ifss_keras.cli.group import COMMANDS
from ifss_keras.cli.main import main
for arguments in [["--help"], *([name, "--help"] for name in COMMANDS), ["models", "list"], ["--version"]]:
    with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):
        main(arguments)
print(sorted({HEAVY} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
