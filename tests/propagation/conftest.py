"""Fixtures of the tests of propagation: networks whose answer is known."""

import pytest


@pytest.fixture(scope="module")
def sees():
    """A network that answers with the image: the muscle is what is bright."""
    from tests.propagation.carrying import answering  # Keras is imported where it is needed

    return answering("image")


@pytest.fixture(scope="module")
def repeats():
    """A network that answers with its mask channel."""
    from tests.propagation.carrying import answering

    return answering("mask")
