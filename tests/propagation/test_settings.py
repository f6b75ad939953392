"""The one record of how volumes are shown: its values, its limits, its way through JSON."""

import json
from dataclasses import fields, replace

import numpy as np
import pytest

from ifss_keras.propagation.settings import PropagationSettings, Softness

OTHER = PropagationSettings(
    size=64,
    window=4,
    margin=1.5,
    least_share=0.75,
    softness=Softness(0.25, 0.2, 3.0, 0.5),
    percentiles=(1.0, 98.0),
    threshold=0.25,
    smoothing_mm=1.5,
    stretch=7,
    both_directions=False,
    empty_slices=2,
    least_area=0.125,
    recurrent=False,
    carry_memory=False,
    recall_newest=True,
    bend=0.75,
    most_area=2.0,
    anchor_area=False,
    final_area=False,
)


def test_every_setting_comes_back_from_json():
    for field in fields(PropagationSettings):
        assert getattr(OTHER, field.name) != getattr(PropagationSettings(), field.name), field.name
    for settings in (OTHER, PropagationSettings(), replace(OTHER, softness=None)):
        assert PropagationSettings.from_dict(json.loads(json.dumps(settings.to_dict()))) == settings
    assert PropagationSettings.from_dict({"margin": 2.0}) == PropagationSettings(margin=2.0)


@pytest.mark.parametrize(
    ("held", "said"),
    [
        ({"margni": 2.0}, "'margni'.*did you mean margin"),
        ({"softness": {"strat": 1.0}}, "'strat'.*did you mean start"),
        ({"size": 0}, "size must be positive"),
        ({"window": 1}, "window must be 2"),
        ({"margin": 0.9}, "margin must be 1"),
        ({"margin": float("nan")}, "finite"),
        ({"least_share": 0.0}, "least_share"),
        ({"percentiles": [99.0, 1.0]}, "percentiles"),
        ({"threshold": 1.0}, "threshold"),
        ({"smoothing_mm": -1.0}, "smoothing_mm"),
        ({"smoothing_mm": float("inf")}, "finite"),
        ({"stretch": 0}, "stretch"),
        ({"empty_slices": 0}, "empty_slices"),
        ({"least_area": 1.0}, "least_area"),
        ({"bend": 1.5}, "bend"),
        ({"softness": {"start": 0.0}}, "start"),
        ({"softness": {"per_slice": -0.1}}, "per_slice"),
    ],
)
def test_what_cannot_be_is_refused(held, said):
    with pytest.raises(ValueError, match=said):
        PropagationSettings.from_dict(held)


def test_softness_grows_to_its_maximum():
    scale = Softness(start=0.5, per_slice=0.1, maximum=2.0).at(np.array([0, 1, 5, 15, 100, 199]), 200)
    np.testing.assert_allclose(scale, [0.5, 0.6, 1.0, 2.0, 2.0, 0.6])


def test_softness_grows_half_way_between_references_that_differ():
    softness = Softness(start=0.5, per_slice=0.0, per_change=0.1, maximum=2.0)
    np.testing.assert_allclose(softness.at(np.array([0, 2, 4, 6, 8]), 8, 7.0), [0.5, 1.025, 1.2, 1.025, 0.5])
    np.testing.assert_allclose(softness.at(np.array([4]), 8, 100.0), [2.0])
