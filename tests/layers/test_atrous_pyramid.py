"""AtrousPyramid against concatenated separable convolutions in NumPy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ifss_keras.layers import AtrousPyramid
from ifss_keras.layers.atrous_pyramid import split_evenly
from tests.layer_checks import check_layer, normal, random_weights, weights_of
from tests.reference.convolution import separable_convolve

RATES = (1, 6, 2, 4)


def reference(x, weights, rates):
    """The branches' outputs, from the weights by path, concatenated."""
    branches = []
    for index, rate in enumerate(rates):
        part = {
            name: weights[f"branch_{index}_rate_{rate}/{name}"]
            for name in ("depthwise_kernel", "pointwise_kernel", "bias")
        }
        branches.append(separable_convolve(x, *part.values(), dilation=(1, rate, rate)))
    return np.concatenate(branches, axis=-1)


@pytest.mark.parametrize(("depth_kernel", "multiplier"), [(3, 1), (1, 1), (3, 2)])
def test_branches_are_concatenated_in_the_order_of_the_rates(depth_kernel, multiplier):
    x = normal(2, 3, 7, 5, 3)
    layer = AtrousPyramid(7, rates=RATES, depth_kernel=depth_kernel, depth_multiplier=multiplier)
    layer.build(x.shape)
    expected = reference(x, weights_of(random_weights(layer)), RATES)
    np.testing.assert_allclose(layer(x), expected, atol=1e-5)


def test_thirty_in_four_is_eight_eight_seven_seven():
    assert split_evenly(30, 4) == (8, 8, 7, 7)
    layer = AtrousPyramid(30)
    assert [branch.filters for branch in layer.branches] == [8, 8, 7, 7]
    assert [branch.dilation_rate for branch in layer.branches] == [(1, 1, 1), (1, 6, 6), (1, 12, 12), (1, 18, 18)]


@given(total=st.integers(0, 500), parts=st.integers(1, 40))
def test_split_adds_up_and_is_even(total, parts):
    widths = split_evenly(total, parts)
    assert len(widths) == parts
    assert sum(widths) == total
    assert sorted(widths, reverse=True) == list(widths)
    assert widths[0] - widths[-1] <= 1


@pytest.mark.parametrize(("multiplier", "rank"), [(1, 1), (8, 7)])
def test_the_multiplier_lifts_a_branch_on_one_channel_above_rank_one(multiplier, rank):
    x = normal(1, 3, 6, 5, 1)
    layer = AtrousPyramid(7, rates=(1,), depth_multiplier=multiplier)
    layer.build(x.shape)
    random_weights(layer)
    layer.branches[0].bias.assign(np.zeros(7))
    assert np.linalg.matrix_rank(np.asarray(layer(x)).reshape(-1, 7), tol=1e-4) == rank


def test_depth_kernel_one_treats_slices_independently():
    x = normal(1, 3, 7, 5, 2)
    layer = AtrousPyramid(5, rates=(1, 2), depth_kernel=1)
    layer.build(x.shape)
    whole = random_weights(layer)(x)
    for index in range(3):
        np.testing.assert_allclose(layer(x[:, index : index + 1])[:, 0], whole[:, index], atol=1e-6)


def test_layer_contract():
    check_layer(
        AtrousPyramid,
        {"filters": 7, "rates": (1, 3, 2), "depth_kernel": 2, "depth_multiplier": 2},
        inputs=[normal(2, 3, 7, 5, 2)],
    )


@pytest.mark.parametrize(("filters", "rates"), [(3, (1, 2, 4, 6)), (3, ())])
def test_fewer_filters_than_rates_are_refused(filters, rates):
    with pytest.raises(ValueError, match=rf"filters must be .* received filters={filters} and rates=\("):
        AtrousPyramid(filters, rates=rates)
