"""`ifss predict` with networks that need no reference."""

import json

import numpy as np
import pytest

from ifss_keras.zoo import UNet3D
from ifss_keras.zoo.presets import DEFAULT_PRESET


@pytest.fixture(scope="module")
def preset(tmp_path_factory):
    """The folder of an untrained network that needs no reference, as `ifss train` leaves it."""
    network = UNet3D(widths=(3, 4), pool=(1, 2, 2), image_size=(16, 16), slices=3, classes=3)
    facts = {"weights": "best.weights.h5", "labels": {9: "SOL", 4: "GM"}}
    return network.save_to_preset(tmp_path_factory.mktemp("runs") / "tiny", **facts).folder


def test_a_mask_on_the_images_grid_without_a_reference(ifss, case, preset, read_mask):
    report = case.folder / "report"
    outcome = ifss("predict", case.image, "--preset", preset, "-o", case.output, "--report", report, "--json")
    assert (outcome.code, outcome.err) == (0, "")
    labels, affine = read_mask(case.output)
    assert labels.shape == case.labels.shape
    np.testing.assert_allclose(affine, case.affine, atol=1e-5)
    assert set(np.unique(labels)) <= {0, 4, 9}
    found = json.loads(outcome.out)
    assert (found["reference"], found["weights"]) == (None, str(preset))
    assert [(label["code"], label["name"]) for label in found["labels"]] == [(4, "GM"), (9, "SOL")]
    for label in found["labels"]:
        assert (label["volume_ml_high"], label["references"], label["presumed_ends"]) == (None, 0, [])
    assert (report / "report.html").exists()
    table = ifss("predict", case.image, "--preset", preset, "-o", case.output, "--label", "9=Soleus")
    assert "Soleus" in table.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "There is no reference: give a file ... (option --reference)"),
        (("--preset", DEFAULT_PRESET), "There is no reference: give a file ... (option --reference)"),
        (("--method", "shape"), "There is no reference: give a file ... (option --reference)"),
        (
            ("--preset", "{preset}", "--method", "shape"),
            "The method shape uses no network: leave out the preset. (option --preset)",
        ),
        (
            ("--preset", "{preset}", "--reference", "{reference}"),
            "{preset} is of a network that takes no references: leave it out. (option --reference)",
        ),
        (
            ("--preset", "{preset}", "--label", "7=GL"),
            "no label 7 to name GL: {preset} finds 9 (SOL), 4 (GM); correct the code. (option --label CODE=NAME)",
        ),
        (("--preset", "{preset}", "--label", "9=GM"), "both named GM: ... (option --label CODE=NAME)"),
        (
            ("--preset", "{preset}", "--ends-annotated"),
            "nothing to say of them: leave it out. (option --ends-annotated)",
        ),
        (("--preset", "{preset}", "--complete"), "nothing to say of them: leave it out. (option --complete)"),
        (("--preset", "{absent}"), "no preset and no folder '{absent}'"),
    ],
)
def test_refusals(ifss, case, preset, arguments, said):
    places = {"preset": preset, "reference": case.reference, "absent": preset / "no"}
    outcome = ifss("predict", case.image, "-o", case.output, *(text.format(**places) for text in arguments))
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.count("\n") == 1
    assert not case.output.exists()
    for words in said.format(**places).split(" ... "):
        assert words in outcome.err
