"""One label through a volume, with networks whose answer is known."""

import numpy as np
import pytest
from scipy import ndimage

from ifss_keras.propagation.carry import Carrier, Told
from ifss_keras.propagation.compose import pixels_inside
from ifss_keras.propagation.engine import KerasEngine
from ifss_keras.propagation.runner import SpanRunner
from ifss_keras.propagation.settings import PropagationSettings
from ifss_keras.propagation.span_jobs import SpanJobs
from ifss_keras.volumes.volume import Volume
from tests.propagation.carrying import SPACING_MM, Answer, carried, dice, discs, held


@pytest.mark.parametrize("references", [[9], [3], [16], [3, 4, 5], [3, 16], [9, 10], [8, 10, 12]])
def test_what_is_seen_is_found_from_any_references_and_ends_where_it_ends(sees, references):
    truth = discs([None] * 3 + [(20 + 0.3 * index, 25) for index in range(14)] + [None] * 6)
    found = carried(sees, truth, references)
    assert held(found) == held(truth)
    assert dice(found, truth) > 0.96
    np.testing.assert_array_equal(found[references], truth[references])


@pytest.mark.parametrize("references", [[3, 19], [2, 20], [4, 18]])
def test_what_swells_between_two_references_is_looked_for_where_it_is(sees, references):
    rows, columns = np.mgrid[:48, :56]
    radii = 4 + 12 * np.sin(np.linspace(0, np.pi, 23))
    truth = np.stack([np.hypot(rows - 23, columns - 27) < radius for radius in radii])
    first, last = references
    found = carried(sees, truth, references)
    assert dice(found[first:last], truth[first:last]) > 0.95
    np.testing.assert_array_equal(found[references], truth[references])


def test_the_region_follows_a_muscle_that_wanders(sees):
    # by 30 columns, where the region around a reference is 20 wide: unmoved, it would lose the muscle
    truth = discs([(24, 12 + 0.3 * index) for index in range(101)])
    for references in ([0], [100], [50]):
        assert min(map(dice, carried(sees, truth, references), truth)) > 0.93


@pytest.mark.parametrize("references", [[0, 12, 24, 36, 48], [0, 24, 48]])
def test_the_anchor_bends_for_the_references_beyond(repeats, references):
    truth = discs([(24 + 0.008 * (index - 20) ** 2, 40 - 0.015 * (index - 30) ** 2) for index in range(49)])
    straight, curved = (
        carried(repeats, truth, references, settings=PropagationSettings(size=48, bend=bend, smoothing_mm=0))
        for bend in (0, 1)
    )
    assert 1 - dice(curved, truth) < (0.5 if len(references) == 5 else 0.8) * (1 - dice(straight, truth))
    np.testing.assert_array_equal(curved[references], truth[references])


def test_two_references_alone_do_not_bend_and_a_reference_beyond_is_not_looked_up(repeats, monkeypatch):
    truth = discs([(24, 28 + 0.05 * (index - 10) ** 2) for index in range(21)])
    volume = Volume.from_array(np.where(truth, 200, 20).astype(np.uint8), SPACING_MM)
    looked_up = []

    class Recorder(SpanJobs):
        def exemplars(self, masks, region, centred):
            looked_up.append(sorted(masks))
            return super().exemplars(masks, region, centred)

    monkeypatch.setattr("ifss_keras.propagation.carry.SpanJobs", Recorder)

    def carried_with(bend, references):
        carrier = Carrier(repeats, volume, PropagationSettings(size=48, bend=bend))
        return carrier.carry({index: truth[index] for index in references}, ends_annotated=True).soft

    alone, straight = (carried_with(bend, (0, 10)) for bend in (1, 0))
    curved, uncurved = (carried_with(bend, (0, 10, 20)) for bend in (1, 0))
    assert looked_up == [[0], [10], [0, 10]] * 2 + [[0, 10], [10, 20]] * 2
    for index in range(1, 10):
        np.testing.assert_array_equal(alone[index].values, straight[index].values)
    assert np.abs(curved[5].values - uncurved[5].values).max() > 0.1  # a reference beyond bends it


@pytest.mark.parametrize(("smoothing_mm", "slices"), [(0.0, 0.0), (2.5, 1.25), (4.0, 2.0)])
def test_soft_masks_between_references_are_smoothed_across_slices_by_millimetres(sees, smoothing_mm, slices):
    # the network repeats the image: bright inside the muscle but for one dark slice. Its dent is a Gaussian as wide
    # as asked for, with slices 2 mm apart, and the references at both ends count as they were given.
    truth = discs([(24, 28)] * 31)
    image = np.where(truth, 200, 20).astype(np.uint8)
    image[15] = 20
    settings = PropagationSettings(size=48, smoothing_mm=smoothing_mm, final_area=False)
    volume = Volume.from_array(image, SPACING_MM)
    soft = Carrier(sees, volume, settings).carry({0: truth[0], 30: truth[30]}).soft
    middle = np.array([soft[index].values[24, 24] for index in range(1, 30)])
    dent = np.zeros(29)
    dent[14] = 1
    expected = 1 - (ndimage.gaussian_filter1d(dent, slices) if slices else dent)
    np.testing.assert_allclose(middle, expected, atol=2e-3)
    assert soft[1].values[24, 24] == pytest.approx(1, abs=2e-3)


def ellipses(slices, radii, shape=(48, 120)):
    """(slice, row, column) bool: the same ellipse on every slice."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    inside = ((rows - 24) / radii[0]) ** 2 + ((columns - 60) / radii[1]) ** 2 < 1
    return np.stack([inside] * slices)


def test_a_flat_muscle_is_cut_finer_in_a_flat_region(sees):
    truth = ellipses(12, (5, 50))
    found = [
        carried(sees, truth, [5], settings=PropagationSettings(size=32, least_share=share)) for share in (1.0, 0.25)
    ]
    errors = [(mask != truth).sum() for mask in found]
    assert errors[1] < 0.7 * errors[0]
    assert dice(found[1], truth) > 0.95


@pytest.mark.parametrize("least_share", [0.25, 1.0])
def test_pixels_of_a_soft_mask_are_those_of_the_image(sees, least_share):
    truth = ellipses(2, (12, 50))
    volume = Volume.from_array(np.where(truth, 200, 20).astype(np.uint8), (2.0, 1.0, 0.5))
    carrier = Carrier(sees, volume, PropagationSettings(size=96, least_share=least_share))
    (soft,) = carrier.carry({0: truth[0]}).soft.values()
    assert soft.region.extent_mm[0] / soft.region.extent_mm[1] == (
        1.0 if least_share == 1 else pytest.approx(44 / 70, rel=0.05)
    )
    assert pixels_inside(soft, volume.spacing_mm[1:]) == pytest.approx(np.pi * 12 * 50, rel=0.02)


def test_between_two_references_the_anchor_leads(repeats):
    # the image holds nothing: what comes out moves from one reference to the other
    truth = discs([(24, 18 + index) for index in range(17)])
    found = carried(repeats, truth, [0, 16], image=np.random.default_rng(0).random((17, 48, 56)))
    assert min(dice(found[index], truth[index]) for index in range(17)) > 0.9


@pytest.mark.parametrize("slices", [2, 3])
def test_volumes_shorter_than_a_window_and_at_it(sees, slices):
    truth = discs([(24, 28)] * slices)
    for index in range(slices):
        found = carried(sees, truth, [index])
        assert held(found) == list(range(slices))
        assert dice(found, truth) > 0.96


def test_every_slice_a_reference_leaves_nothing_to_do(sees):
    truth = discs([(24, 28)] * 4)
    volume = Volume.from_array(np.where(truth, 200, 20).astype(np.uint8), SPACING_MM)
    assert Carrier(sees, volume, PropagationSettings(size=48)).carry(dict(enumerate(truth))).soft == {}


@pytest.mark.parametrize("references", [[3, 4, 5, 12], [0], [19], [5, 6], [2, 9, 15]])
def test_slices_done_add_up_to_the_slices_without_a_reference(sees, references):
    truth = discs([(24, 28)] * 20)
    volume = Volume.from_array(np.where(truth, 200, 20).astype(np.uint8), SPACING_MM)
    done = []
    masks = {index: truth[index] for index in references}
    Carrier(sees, volume, PropagationSettings(size=48)).carry(masks, done.append)
    assert sum(done) == 20 - len(references)


class Noting(Answer):
    """Answers with the image and notes which annotated slices it is shown, by their grey value."""

    def __init__(self):
        super().__init__("image")
        self.shown = []

    def remember(self, image, mask, weight):
        self.shown.append((np.asarray(image)[0, :, 24, 24, 0], np.asarray(mask)[0].max(axis=(1, 2, 3)), weight))
        return {}


@pytest.mark.parametrize("recent", [False, True])
def test_beyond_the_references_the_newest_estimate_is_looked_up_beside_the_nearest(recent, monkeypatch):
    monkeypatch.setattr(
        "ifss_keras.propagation.engine._compiled", lambda function, backend, most: lambda held: function(**held)
    )
    truth = discs([(24, 28)] * 20)
    image = np.where(truth, 120 + 5 * np.arange(20)[:, None, None], 20).astype(np.uint8)
    network = Noting()
    volume = Volume.from_array(image, SPACING_MM)
    settings = PropagationSettings(size=48, stretch=4, recall_newest=recent)
    carrier = Carrier(SpanRunner(KerasEngine(network)), volume, settings)
    carrier.carry({2: truth[2], 3: truth[3]})
    grey = carrier.spans.intensity.apply(image[:, 24, 28])
    seen = [
        sorted(int(np.abs(grey - value).argmin()) for value, kept in zip(values, weight[0], strict=True) if kept)
        for values, _, weight in network.shown
    ]
    outwards = [slices for slices in seen if max(slices) > 3]
    if recent:  # stretches from slice 2 on: 2 to 5, 6 to 9, 10 to 13, and the rest
        assert outwards == [[3, 5], [3, 9], [3, 13]]
    else:
        assert outwards == []


def test_two_references_do_not_tell_how_sure_the_areas_are(sees):
    truth = discs([(24, 28)] * 13)
    volume = Volume.from_array(np.where(truth, 200, 20).astype(np.uint8), SPACING_MM)
    carrier = Carrier(sees, volume, PropagationSettings(size=48))
    told = [{index: truth[index] for index in held} for held in ([6], [2, 10], [2, 6, 10])]
    known = [carrier.certainty(Told(masks), carrier.carry(masks)) for masks in told]
    assert [certainty is None for certainty in known] == [True, True, False]
