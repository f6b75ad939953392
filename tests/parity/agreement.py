"""Whether two implementations agree, value by value."""

import numpy as np


def assert_agree(found, expected, what, within=1e-5):
    """Every value within `within` of the expected values' standard deviation, which must not be next to nothing.

    The largest difference is printed: `make test-parity` shows it.
    """
    found, expected = np.float64(found), np.float64(expected)
    assert found.shape == expected.shape, f"{what}: {found.shape} and {expected.shape}"
    spread = expected.std()
    assert spread > 1e-3 * np.abs(expected).max(), f"{what}: hardly varies, agreement would mean nothing"
    difference = np.abs(found - expected).max() / spread
    print(f"{what}: largest difference {difference:.1e} of the standard deviation {spread:.3g}")
    assert difference <= within, f"{what}: differs by {difference:.1e} of the standard deviation"
