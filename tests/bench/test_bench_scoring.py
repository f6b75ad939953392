"""Scores against hand-made masks."""

import numpy as np
import pytest

from ifss_keras.bench.plan import TABLES, Wanted, wanted_of
from ifss_keras.bench.references import FIRST, NONE, SPACED
from ifss_keras.bench.rows import ROWS
from ifss_keras.bench.scoring import finder_of, held_on, measures_of, score_case
from ifss_keras.inference.predictor import Predictor
from ifss_keras.volumes.annotation import Annotation
from ifss_keras.zoo import SpatioTemporalUNet
from ifss_keras.zoo.presets import save_preset

SPACING_MM = (1.5, 0.5, 1.0)


def test_measures_of_a_mask_that_lies_a_row_off():
    true = np.zeros((5, 9, 9), bool)
    true[1:4, 2:6, 3:8] = True
    found = np.roll(true, 1, axis=1)
    held = measures_of(found, true, SPACING_MM)
    assert held["dice"] == pytest.approx(0.75)
    assert held["iou"] == pytest.approx(0.6)
    assert (held["precision"], held["recall"]) == (pytest.approx(0.75), pytest.approx(0.75))
    assert held["hausdorff_mm"] == pytest.approx(0.5)
    assert held["volume_error_percent"] == 0.0


def test_the_volume_error_is_of_the_mean_of_both():
    true = np.ones((2, 3, 5), bool)
    found = true.copy()
    found[0] = False
    assert measures_of(found, true, SPACING_MM)["volume_error_percent"] == pytest.approx(100 * 15 / 22.5)


def test_nothing_found_has_no_distances():
    true = np.ones((2, 3, 5), bool)
    held = measures_of(np.zeros_like(true), true, SPACING_MM)
    assert (held["dice"], held["hausdorff_mm"], held["asd_mm"], held["precision"]) == (0.0, None, None, None)


def test_the_nearest_annotated_mask_is_carried_on():
    labels = np.zeros((9, 2, 3), np.uint8)
    labels[2], labels[6] = 7, np.array([[0, 7, 0], [7, 0, 0]])
    found = held_on(Annotation.from_array(labels), 9)
    assert np.array_equal(found, labels[[2, 2, 2, 2, 2, 6, 6, 6, 6]])


def test_a_muscle_that_stays_as_it_is_is_found_where_it_is_and_beyond(tiny_cohort, tmp_path):
    row = ROWS["last mask carried on"]
    find, parameters = finder_of(row, tmp_path)
    wanted = wanted_of(row, [TABLES["IV"]], tiny_cohort)
    scores = score_case(find, tiny_cohort.test[0], "test", wanted, tiny_cohort, set())
    held = {(score.muscle, score.references): score for score in scores}
    assert parameters is None
    assert set(held) == {(muscle, given) for muscle in ("SOL", "GM") for given in (FIRST, SPACED)}
    assert held["SOL", FIRST].precision == pytest.approx(10 / 14)
    assert held["GM", FIRST].precision == pytest.approx(6 / 14)
    assert held["GM", FIRST].recall == 1.0
    assert (held["SOL", FIRST].annotated, held["SOL", SPACED].annotated) == (3, 1)
    assert held["SOL", FIRST].subject == "leg3"


def test_what_is_scored_already_is_not_scored_again(tiny_cohort):
    wanted = [Wanted("test", 100, FIRST), Wanted("test", 150, FIRST), Wanted("validation", 100, FIRST)]
    asked = []

    def find(volume, annotation):
        asked.append(annotation.names)
        return held_on(annotation, 14)

    case = tiny_cohort.test[1]
    scores = score_case(find, case, "test", wanted, tiny_cohort, {("leg4", "SOL", FIRST)})
    assert [score.muscle for score in scores] == ["GM"]
    assert asked == [{150: "GM"}]


def test_one_look_finds_all_muscles_without_references(tiny_cohort):
    looks = []

    def find(volume, annotation):
        looks.append(annotation)
        labels = np.zeros(volume.array.shape, np.uint8)
        labels[2:12, 2:7, 3:10] = 100
        return labels

    wanted = [Wanted("test", 100, NONE), Wanted("test", 150, NONE)]
    scores = score_case(find, tiny_cohort.test[0], "test", wanted, tiny_cohort, set())
    assert looks == [None]
    assert [score.dice for score in scores] == [1.0, 0.0]
    assert scores[0].seconds_per_1400 == scores[1].seconds_per_1400
    assert [score.annotated for score in scores] == [0, 0]


def test_a_trained_network_carries_the_references_on(tiny_cohort, tiny_preset):
    find, parameters = finder_of(ROWS["IFSS-Net-FS"], tiny_preset)
    scores = score_case(find, tiny_cohort.test[0], "test", [Wanted("test", 150, FIRST)], tiny_cohort, set())
    network = Predictor.from_preset(tiny_preset).runner.engine.network
    assert parameters == sum(int(np.prod(weight.shape)) for weight in network.trainable_weights) > 100
    assert [score.muscle for score in scores] == ["GM"]
    assert scores[0].recall >= 0.5  # three of its six slices are given


def test_a_trained_network_without_references_is_given_none(tiny_cohort, tmp_path):
    network = SpatioTemporalUNet(
        image_size=(16, 16), slices=4, classes=3, widths=(2, 3), reconstruct=False, recurrent=0
    )
    head = network.get_layer("head")
    kernel, bias = head.get_weights()
    head.set_weights([0 * kernel, bias + np.array([0, 9, 0], bias.dtype)])  # all is of the second label
    save_preset(network, network.described(tmp_path, weights="best.weights.h5", labels={100: "SOL", 150: "GM"}))
    find, _ = finder_of(ROWS["Seg-Net-FS"], tmp_path)
    wanted = [Wanted("test", 100, NONE), Wanted("test", 150, NONE)]
    scores = score_case(find, tiny_cohort.test[0], "test", wanted, tiny_cohort, set())
    assert [score.recall for score in scores] == [0.0, 1.0]
    assert scores[1].precision == pytest.approx(6 * 5 * 12 / (14 * 16 * 20))
