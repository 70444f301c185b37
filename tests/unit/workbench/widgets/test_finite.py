import numpy as np

from workbench.widgets.finite import finite


def test_finite__other_numbers():
    assert finite(None) is None
    assert finite(np.float16(0.5)) == 0.5
    assert finite(float("-inf")) is None
