"""`Predictor`: several labels, their codes, and what it is made from."""

from dataclasses import replace

import numpy as np
import pytest

from ifss_keras.core.errors import InputError, PresetError
from ifss_keras.inference.predictor import Predictor
from ifss_keras.propagation.settings import PropagationSettings, Softness
from ifss_keras.volumes.annotation import Annotation
from ifss_keras.volumes.volume import Volume
from ifss_keras.zoo import IFSSNet, UNet3D
from ifss_keras.zoo.presets import DEFAULT_PRESET, find_preset

SPACING_MM = (2.5, 0.8, 0.5)


@pytest.fixture(scope="module")
def tiny(tiny_preset):
    return Predictor.from_preset(tiny_preset)


@pytest.fixture
def predict(tiny, two_muscles):
    """A function from a label volume with only the references to the predicted labels."""

    def run(references, complete=False, **more):
        volume = Volume.from_array(two_muscles[0], SPACING_MM)
        return tiny.predict(volume, Annotation.from_array(references, complete=complete), **more).labels

    return run


def annotated(labels, **slices):
    """Only label 3 on the slices `three`, and label 7 on the slices `seven`."""
    references = np.zeros_like(labels)
    for code, chosen in ((3, slices["three"]), (7, slices["seven"])):
        for index in chosen:
            references[index][labels[index] == code] = code
    return references


@pytest.mark.parametrize(
    "slices",
    [
        {"three": [2, 10], "seven": [2, 10]},
        {"three": [6], "seven": [6]},
        {"three": [2, 6], "seven": [4, 10]},
        {"three": [5, 6], "seven": [6, 7]},
        {"three": [1], "seven": [11]},
    ],
)
def test_references_come_back_exactly(slices, predict, two_muscles):
    references = annotated(two_muscles[1], **slices)
    labels = predict(references)
    for code, chosen in ((3, slices["three"]), (7, slices["seven"])):
        for index in chosen:
            np.testing.assert_array_equal(labels[index] == code, references[index] == code)
    assert set(np.unique(labels)) == {0, 3, 7}


def test_permuted_codes_give_the_permuted_masks(predict, two_muscles):
    references = annotated(two_muscles[1], three=[2, 9], seven=[3, 10])
    labels = predict(references)
    for three, seven in ((7, 3), (1, 200), (70_000, 4)):
        permuted = np.select([references == 3, references == 7], [three, seven])
        expected = np.select([labels == 3, labels == 7], [three, seven])
        np.testing.assert_array_equal(predict(permuted), expected)


def test_muscles_are_carried_on_their_own_where_they_do_not_meet(predict, two_muscles):
    both = annotated(two_muscles[1], three=[2, 9], seven=[3, 10])
    alone = annotated(two_muscles[1], three=[2, 9], seven=[])
    with_both, with_one = predict(both) == 3, predict(alone) == 3
    assert not (with_both & ~with_one).any()  # the other muscle can only take voxels away
    taken = predict(both) == 7
    np.testing.assert_array_equal(with_both, with_one & ~taken)


def test_complete_annotations_keep_an_absent_label_away(predict, two_muscles):
    references = annotated(two_muscles[1], three=[2, 5], seven=[2, 5, 8])
    assert (predict(references)[8:] == 3).any()
    labels = predict(references, complete=True)
    assert not (labels[8:] == 3).any()
    np.testing.assert_array_equal(labels[8], references[8])


def test_same_input_same_result(predict, two_muscles):
    references = annotated(two_muscles[1], three=[2, 9], seven=[3, 10])
    np.testing.assert_array_equal(predict(references), predict(references))


def test_two_slices_are_enough_of_a_volume(tiny, two_muscles):
    image, labels = (array[5:7] for array in two_muscles)
    for annotated_slice in (0, 1):
        references = Annotation.from_array(labels, keep_slices=np.array([annotated_slice]))
        found = tiny.predict(Volume.from_array(image, SPACING_MM), references).labels
        assert found.shape == labels.shape
        np.testing.assert_array_equal(found[annotated_slice], labels[annotated_slice])


def test_a_constant_image_and_one_with_nan_are_no_obstacle(tiny, two_muscles):
    references = Annotation.from_array(annotated(two_muscles[1], three=[2, 9], seven=[3, 10]))
    spoilt = two_muscles[0].astype(np.float32)
    spoilt[4:6, ::2] = np.nan
    for image in (np.full_like(two_muscles[0], 9), spoilt):
        labels = tiny.predict(Volume.from_array(image, SPACING_MM), references).labels
        np.testing.assert_array_equal(labels[2] == 3, two_muscles[1][2] == 3)


def test_ends_that_the_image_shows_are_told_of_unless_they_are_annotated(tiny):
    labels = np.zeros((30, 24, 26), np.uint8)
    labels[3:27, 6:16, 8:20] = 7
    image = (100 + 4 * (np.arange(30) % 3))[:, None, None] * np.ones((30, 24, 26), np.uint8)
    image[:3], image[27:] = 30, 220
    image += np.random.default_rng(0).integers(0, 9, (24, 26))
    volume = Volume.from_array(image.astype(np.uint8), SPACING_MM)
    for kept, seen in (([3, 12, 26], (2, 27)), ([5, 12, 26], (27,))):
        references = Annotation.from_array(labels, keep_slices=np.array(kept))
        prediction = tiny.predict(volume, references)
        assert prediction.summaries[0].ends.seen == seen
        assert not prediction.labels[27:].any()
        ended = tiny.predict(volume, replace(references, ends_annotated=True))
        assert ended.summaries[0].ends.seen == ()


def test_progress_ends_at_the_total_of_every_label(predict, two_muscles):
    references = annotated(two_muscles[1], three=[2, 3, 4], seven=[3, 10])
    told = {}
    predict(references, progress=lambda name, done, total: told.setdefault(name, []).append((done, total)))
    assert {name: calls[-1] for name, calls in told.items()} == {"3": (10, 10), "7": (11, 11)}
    for calls in told.values():
        assert [done for done, _ in calls] == sorted(done for done, _ in calls)


def test_a_folder_is_a_preset_and_its_settings_are_used(tiny, tmp_path):
    assert tiny.settings == PropagationSettings(size=16)
    settings = PropagationSettings(size=16, margin=1.75, least_share=0.625, softness=Softness(per_slice=0.25))
    tiny.runner.engine.network.save_to_preset(tmp_path / "mine", propagation=settings)
    for folder in (tmp_path / "mine", str(tmp_path / "mine")):
        again = Predictor.from_preset(folder)
        assert again.settings == settings
        for ours, theirs in zip(*(each.runner.engine.network.weights for each in (again, tiny)), strict=True):
            np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


def test_a_network_that_needs_no_reference_is_another_tools(tmp_path):
    UNet3D(image_size=(16, 16), slices=4, widths=(2, 3)).save_to_preset(tmp_path / "unet", labels={3: "GM"})
    with pytest.raises(InputError, match=r"UNet3D.*Segmenter"):
        Predictor.from_preset(tmp_path / "unet")


def test_unknown_preset():
    with pytest.raises(PresetError, match=DEFAULT_PRESET):
        Predictor.from_preset("ifss")


def test_the_default_preset_is_the_default():
    assert Predictor.from_preset().settings == find_preset(DEFAULT_PRESET).propagation


def test_the_step_is_traced_once_for_volumes_of_any_size(tiny, two_muscles):
    image, labels = two_muscles
    predictor = Predictor.of_network(tiny.runner.engine.network, tiny.settings)
    for slices, rows, columns in ((13, 20, 24), (9, 17, 24), (11, 20, 19)):
        volume = Volume.from_array(image[:slices, :rows, :columns], SPACING_MM)
        held = labels[:slices, :rows, :columns]
        for kept in ([2, 7], [5]):
            annotation = Annotation.from_array(held, keep_slices=np.array(kept))
            predictor.predict(volume, annotation)
    assert predictor.runner.engine.traces == 1


def counted_engine(tiny, monkeypatch):
    """The steps that the engine makes from here on, a list that grows."""
    steps, step = [], tiny.runner.engine.step
    monkeypatch.setattr(tiny.runner.engine, "step", lambda *given: steps.append(len(given[1])) or step(*given))
    return steps


def test_untouched_spans_are_copied_from_an_earlier_mask(predict, two_muscles, tiny, monkeypatch):
    before, more = (annotated(two_muscles[1], three=t, seven=[2, 10]) for t in ([2, 6, 10], [2, 6, 8, 10]))
    previous = predict(before)
    previous[4][previous[4] == 3] = 0  # which nobody would find again
    previous[4, :2, :2] = 3
    labels = predict(more, previous=previous)
    np.testing.assert_array_equal(labels == 7, (previous == 7) & (more != 3))
    untouched = [*range(7), *range(10, len(labels))]
    np.testing.assert_array_equal(labels[untouched], previous[untouched])
    np.testing.assert_array_equal(labels[8] == 3, more[8] == 3)
    steps = counted_engine(tiny, monkeypatch)
    np.testing.assert_array_equal(predict(before, previous=labels), labels)
    assert steps == []


def test_what_is_new_is_found_as_without_an_earlier_mask(predict, two_muscles):
    given = annotated(two_muscles[1], three=[2, 6, 10], seven=[2, 10])
    np.testing.assert_array_equal(predict(given, previous=np.zeros_like(given)), predict(given))


def test_a_network_for_another_number_of_annotated_slices_is_refused(tiny):
    arguments = {"image_size": (16, 16), "widths": (2, 3), "rates": (1,), "matching_kernel": 3}
    refused = IFSSNet(**arguments, memory_level=1, memory_slots=3)
    with pytest.raises(InputError, match=r"has 3 slots for annotated slices: expected 2, .* memory_slots to 2"):
        Predictor.of_network(refused, tiny.settings)
    for taken in ({"memory_level": 1, "memory_slots": 2}, {"memory_slots": 3}):
        Predictor.of_network(IFSSNet(**arguments, **taken), tiny.settings)


def test_an_earlier_mask_of_another_shape_is_refused(predict, two_muscles):
    given = annotated(two_muscles[1], three=[2], seven=[2])
    with pytest.raises(InputError, match="The earlier mask has shape"):
        predict(given, previous=given[1:])
