"""`ifss predict` with networks that need no reference."""

import json
import re

import numpy as np
import pytest
import yaml

from ifss_keras.training.recipe import SegmentationRecipe
from ifss_keras.training.run import build_trainer

RECIPE = {
    "name": "tiny",
    "model": "UNet3D",
    "network": {"widths": (3, 4), "pool": (1, 2, 2), "image_size": (16, 16)},
    "labels": {9: "SOL", 4: "GM"},
    "slices": 3,
    "training": {"calf": 1, "first_seed": 1},
    "validation": {"calf": 1, "first_seed": 2},
}


@pytest.fixture
def weights(tmp_path):
    """Weights as `ifss train` leaves them, untrained."""
    folder = tmp_path / "run"
    folder.mkdir()
    recipe = SegmentationRecipe(**RECIPE)
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe.model_dump(mode="json")))
    build_trainer(recipe).network.save_weights(folder / "best.weights.h5")
    return folder / "best.weights.h5"


def test_a_mask_on_the_images_grid_without_a_reference(ifss, case, weights, read_mask):
    report = case.folder / "report"
    outcome = ifss("predict", case.image, "--weights", weights, "-o", case.output, "--report", report, "--json")
    assert (outcome.code, outcome.err) == (0, "")
    labels, affine = read_mask(case.output)
    assert labels.shape == case.labels.shape
    np.testing.assert_allclose(affine, case.affine, atol=1e-5)
    assert set(np.unique(labels)) <= {0, 4, 9}
    found = json.loads(outcome.out)
    assert found["reference"] is None
    assert [(label["code"], label["name"]) for label in found["labels"]] == [(4, "GM"), (9, "SOL")]
    for label in found["labels"]:
        assert (label["shape_volume_ml"], label["references"], label["presumed_ends"]) == (None, 0, [])
    assert (report / "report.html").exists()
    table = ifss("predict", case.image, "--weights", weights, "-o", case.output, "--label", "9=Soleus")
    assert "Soleus" in table.out
    assert "Not adapted" not in table.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "There is no reference: pass --reference"),
        (("--method", "shape"), "There is no reference: pass --reference"),
        (("--weights", "{weights}", "--method", "shape"), "The method shape uses no network: leave out --weights"),
        (("--weights", "{weights}", "--reference", "{reference}"), "takes no references: leave out --reference"),
        (("--weights", "{weights}", "--label", "7=GL"), "--label 7=GL: .* finds 9 .SOL., 4 .GM.|finds 4 .GM., 9 .SOL."),
        (("--weights", "{weights}", "--ends-annotated"), "nothing for --ends-annotated to say"),
        (("--weights", "{weights}", "--adapt"), "nothing to adapt to: leave out --adapt"),
        (("--weights", "{absent}"), "does not exist"),
    ],
)
def test_refusals(ifss, case, weights, arguments, said):
    places = {"weights": weights, "reference": case.reference, "absent": weights.parent / "no.weights.h5"}
    outcome = ifss("predict", case.image, "-o", case.output, *(text.format(**places) for text in arguments))
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.count("\n") == 1
    assert not case.output.exists()
    assert re.search(said, outcome.err)
