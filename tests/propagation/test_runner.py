"""Soft masks of a span: closed forms with toy networks, and symmetry and independence with a tiny IFSSNet."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ifss_keras.propagation.engine import KerasEngine
from ifss_keras.propagation.evidence import Evidence
from ifss_keras.propagation.runner import SpanRunner, both_directions
from ifss_keras.propagation.ways import Way
from ifss_keras.zoo.networks.ifss_net import IFSSNet
from tests.propagation.spans_of_evidence import span


class Toy:
    """Answers with the rule it is given; its cell counts the windows, its hidden adds the images up."""

    def __init__(self, rule, window=3):
        self.rule = rule
        self.window = window

    def halves(self):
        return None

    def initial_memory(self, batch):
        return {name: tf.zeros((batch, 1, 1, 1)) for name in ("hidden", "cell")}

    def __call__(self, inputs, training):
        assert training is False
        muscle = self.rule(inputs)
        return {
            "probabilities": tf.concat([muscle, 1 - muscle], axis=-1),
            "hidden": inputs["hidden"] + tf.reduce_mean(inputs["image"][:, 0], axis=(1, 2), keepdims=True),
            "cell": inputs["cell"] + 0.0625,
        }


def window_number(inputs):
    """Sixteenths: 0 in the first window, 1/16 in the second."""
    return tf.zeros_like(inputs["mask"]) + inputs["cell"][:, None]


def everything(inputs):
    return 0.5 * inputs["mask"] + 0.25 * inputs["image"] + 0.05 * inputs["hidden"][:, None]


def runner(network):
    return SpanRunner(KerasEngine(network))


def run_alone(runner, evidence, start=None):
    """Soft masks and newest estimates, (slice, row, column), of one way forwards."""

    def job():
        way = Way(runner.sight(evidence), start=start, goes_on=True)
        yield [way]
        return way.soft(), way.newest()

    (found,) = runner.run([job()])
    return found


def in_both(runner, evidence):
    return apart_in_both(runner, evidence)[0]


def apart_in_both(runner, evidence):
    (found,) = runner.run([both_directions(runner.sight(evidence))])
    return found


@pytest.mark.parametrize(
    ("window", "slices", "mean", "newest"),
    [
        (3, 6, [0, 0.5, 1, 2, 2.5, 3], [0, 1, 2, 3, 3, 3]),
        (2, 4, [0, 0.5, 1.5, 2], [0, 1, 2, 2]),
        (4, 5, [0, 0.5, 0.5, 0.5, 1], [0, 1, 1, 1, 1]),
        (3, 3, [0, 0, 0], [0, 0, 0]),
        (3, 2, [0, 0], [0, 0]),
        (3, 1, [0], [0]),
    ],
)
def test_a_slice_is_the_mean_of_its_windows(window, slices, mean, newest):
    network = runner(Toy(window_number, window))
    soft, last = run_alone(network, span(slices, references=[0]))
    assert soft.shape == last.shape == (slices, 4, 4)
    assert soft.dtype == np.float32
    for values, expected in ((soft, mean), (last, newest)):
        np.testing.assert_array_equal(values, np.broadcast_to(np.reshape(expected, (-1, 1, 1)) / 16, values.shape))


def test_a_span_shorter_than_the_window_is_continued_with_its_last_slice():
    seen = []

    def rule(inputs):
        tf.py_function(
            lambda image, mask: seen.append((image.numpy(), mask.numpy())), [inputs["image"], inputs["mask"]], []
        )
        return inputs["mask"]

    evidence = span(2)
    soft, newest = run_alone(runner(Toy(rule)), evidence)
    np.testing.assert_array_equal(soft, evidence.annotation[..., 0])
    np.testing.assert_array_equal(newest, soft)
    ((image, mask),) = seen
    np.testing.assert_array_equal(image[0], evidence.image[[0, 1, 1]])
    np.testing.assert_array_equal(mask[0], evidence.annotation[[0, 1, 1]])


def test_an_open_span_carries_its_reference_on_and_a_start_is_taken_as_it_is():
    network = runner(Toy(lambda inputs: inputs["mask"]))
    evidence = span(5, references=[0])
    soft, _ = run_alone(network, evidence)
    np.testing.assert_array_equal(soft, np.repeat(evidence.annotation[:1, ..., 0], 5, axis=0))
    unknown = Evidence(*(part[1:] for part in evidence))
    start = np.stack([np.full((4, 4, 1), value, np.float32) for value in (0.25, 0.75)])
    soft, _ = run_alone(network, unknown, start)
    np.testing.assert_array_equal(soft[:, 0, 0], [0.25, 0.75, 0.75, 0.75])
    soft, _ = run_alone(network, unknown)
    np.testing.assert_array_equal(soft, 0)


def test_the_newest_estimates_continue_a_span_that_was_cut():
    network = runner(Toy(lambda inputs: 0.5 * inputs["mask"] + 0.5 * inputs["image"]))
    evidence = span(9, references=[0])
    _, whole = run_alone(network, evidence)
    _, newest = run_alone(network, Evidence(*(part[:6] for part in evidence)))
    _, rest = run_alone(network, Evidence(*(part[4:] for part in evidence)), newest[4:, ..., None])
    np.testing.assert_array_equal(rest, whole[4:])


def test_both_directions_are_weighed_by_their_distance():
    soft = in_both(runner(Toy(window_number)), span(6))
    forward = np.array([0, 0.5, 1, 2, 2.5, 3]) / 16
    way = np.arange(6) / 5
    expected = (1 - way) * forward + way * forward[::-1]
    np.testing.assert_allclose(soft, np.broadcast_to(expected[:, None, None], (6, 4, 4)), atol=1e-7)


def test_how_far_both_directions_lie_apart_is_told_by_slice():
    _, apart = apart_in_both(runner(Toy(window_number)), span(6))
    np.testing.assert_allclose(apart, np.array([3, 2, 1, 1, 2, 3]) / 16, atol=1e-7)


def reversed_slices(evidence):
    return Evidence(*(part[::-1] for part in evidence))


@pytest.mark.parametrize("slices", [2, 3, 4, 9])
def test_reversed_slices_give_reversed_masks(slices):
    network, evidence = runner(Toy(everything)), span(slices)
    soft = in_both(network, evidence)
    assert np.abs(soft - soft[::-1]).max() > 0.01
    np.testing.assert_allclose(in_both(network, reversed_slices(evidence)), soft[::-1], atol=1e-6)


@pytest.fixture(scope="module")
def tiny_network():
    keras.utils.set_random_seed(3)
    return IFSSNet(
        image_size=(16, 16), widths=(4, 6), rates=(1, 2), first_depth_multiplier=2, matching_kernel=3, head_width=3
    )


@pytest.fixture(scope="module")
def after_others(tiny_network):
    """A span network that has run spans of other lengths and batches before."""
    network = runner(tiny_network)
    for seed, slices in ((5, 4), (6, 2)):
        in_both(network, span(slices, 16, seed))
    run_alone(network, span(5, 16, 7, references=[0]))
    return network


def test_a_span_alone_gives_bit_for_bit_what_it_gives_after_others(tiny_network, after_others):
    evidence, alone = span(7, 16), runner(tiny_network)
    expected = in_both(alone, evidence)
    np.testing.assert_array_equal(in_both(after_others, evidence), expected)
    np.testing.assert_array_equal(in_both(after_others, evidence), expected)
    assert expected.std() > 0.001


def test_reversed_slices_give_reversed_masks_with_ifss_net(after_others):
    evidence = span(7, 16)
    soft = in_both(after_others, evidence)
    assert np.abs(soft - soft[::-1]).max() > 1e-4
    np.testing.assert_allclose(in_both(after_others, reversed_slices(evidence)), soft[::-1], atol=1e-6)


def test_spans_run_together_give_what_each_gives_alone_in_the_order_of_the_jobs(tiny_network):
    network = runner(tiny_network)
    spans = [span(slices, 16, seed) for seed, slices in enumerate((5, 9, 3, 7, 2, 11, 4))]
    together = network.run(both_directions(network.sight(evidence)) for evidence in spans)
    for evidence, (soft, _) in zip(spans, together, strict=True):
        np.testing.assert_allclose(soft, in_both(network, evidence), atol=1e-6)


def test_jobs_are_begun_when_there_is_room_and_may_ask_again():
    network, begun, most = runner(Toy(window_number)), [], []

    def job(number):
        begun.append(number)
        for _ in range(2):
            way = Way(network.sight(span(3 + number, references=[0])))
            most.append(len(begun) - len(ended))
            yield [way]
        ended.append(number)
        return number

    ended = []
    network.engine.at_once = 3
    assert network.run(job(number) for number in range(8)) == list(range(8))
    assert begun == list(range(8))
    assert max(most) == 3
    assert network.run([]) == []


def test_nothing_to_run_is_a_result_at_once():
    def job():
        return "nothing"
        yield

    assert runner(Toy(window_number)).run([job(), job()]) == ["nothing", "nothing"]
