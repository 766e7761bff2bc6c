"""The measure of the checker: how far a result may be from the reference."""

import numpy as np

from fastdl import reference
from fastdl.testing import _tolerance


def test_the_naive_competitor_computes_in_float32():
    naive = _tolerance.reference_in_float32()
    x = np.random.default_rng(0).standard_normal((3, 40))
    assert naive.softmax(x).dtype == naive.matmul(x, x.T).dtype == np.float32
    assert reference.softmax(x).dtype == np.float64
    error = np.abs(naive.matmul(x, x.T) - reference.matmul(x.astype(np.float32), x.T.astype(np.float32))).max()
    assert 1e-8 < error < 1e-4


def test_a_tolerance_follows_the_terms_not_the_result():
    """Where terms cancel, what is left may be wrong by the rounding of the terms."""
    a, b = np.float32([1000.0, 1.0]), np.float32([1000.0 - 2**-13, 0.5])
    expected = reference.subtract(a, b)
    (allowed,) = _tolerance.allowed_errors("subtract", [a, b], {}, expected, "float32")
    assert allowed[0] > 100 * allowed[1]
    assert allowed[0] < 1e-2


def test_nudged_arguments_keep_what_results_hang_on():
    x = np.float32([0.0, -1.5, 1.5, 1.5, np.inf, 7.0])
    moved = _tolerance.nudge(x, 1)
    assert moved.dtype == np.float32 and moved[2] == moved[3] == -moved[1] and moved[0] == 0 and moved[4] == np.inf
    assert moved[5] != 7.0 and abs(moved[5] - 7.0) < 0.01
    np.testing.assert_array_equal(_tolerance.nudge(np.arange(3), 1), np.arange(3))
