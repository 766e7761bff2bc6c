"""Kernels that could raise or allocate are refused: inside a kernel an exception is lost, memory never freed."""

import numpy as np
import pytest

from fastdl._kernels import Buffer, address_of
from fastdl._kernels.compiler import compile_kernel

REFUSED = ["raises", "asserts", "allocates", "prints", "makes_list", "raises_in_helper"]


@pytest.mark.parametrize("name", REFUSED)
def test_refused(launch, name, tmp_path, monkeypatch):
    monkeypatch.setenv("FASTDL_CACHE_DIR", str(tmp_path))
    with pytest.raises(AssertionError, match=rf"kernel for_tests\.{name} can raise or allocate"):
        launch.own(name).address("float32")
    assert list(tmp_path.iterdir()) == []


def test_accepted(launch):
    assert compile_kernel("for_tests", "add", ("float32",))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_division_by_zero_is_a_value(launch, dtype):
    a, b = np.array([1, -1, 0, 3], dtype), np.array([0, 0, 0, 2], dtype)
    y = np.empty(4, dtype)
    arguments = [Buffer.external(0), Buffer.external(1), Buffer.external(2)]
    division = launch.program(launch.own("divides"), [dtype], arguments, cells=4, bases=3)
    division.run([address_of(y), address_of(a), address_of(b)])
    np.testing.assert_array_equal(y, [np.inf, -np.inf, np.nan, 1.5])
