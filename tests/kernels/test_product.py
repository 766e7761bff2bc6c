"""The micro-kernel and the words it is made of, on this machine and on machines described as older ones."""

import platform

import numpy as np
import pytest

from fastdl._kernels import Buffer, address_of
from fastdl._kernels.machine import lanes, machine

CPUS = {
    "generic": {"NUMBA_CPU_NAME": "generic"},
    "haswell": {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": "+avx2,+fma"},
}
DTYPES = ["float32", "float64"]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("mode", range(4))
@pytest.mark.parametrize("packed", [{}, {"packed": True}, {"packed": True, "whole": True}])
@pytest.mark.parametrize("rows", [1, 5, 6, 7, 12, 13, 25])
def test_a_block_against_numpy(products, dtype, mode, packed, rows):
    for columns in (1, 6, 7, 10, 16, 31, 48, 55, 64, 65, 130):
        for depth in (1, 2, 37, 70):
            products.check(dtype, rows, columns, depth, mode=mode, relu=depth == 37, **packed)
    products.check(dtype, rows, 70, 5, mode=mode, relu=True, transposed=True, **packed)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_sum_over_groups_with_tables(products, dtype):
    products.check_groups(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_what_is_not_a_number_comes_through(products, dtype):
    products.check_nan(dtype)


@pytest.mark.parametrize("cpu", CPUS)
def test_on_other_machines(run, tmp_path, cpu):
    if cpu == "haswell" and (platform.machine() not in ("x86_64", "AMD64") or machine().vector_bytes < 32):
        pytest.skip("this machine has no AVX2")
    width = {"haswell": 32, "generic": 16}[cpu]
    code = f"from fastdl._kernels.machine import machine; assert machine().vector_bytes == {width}, machine()"
    run(f"import products; products.check_all(); {code}", FASTDL_CACHE_DIR=tmp_path, **CPUS[cpu])


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_words_for_vectors(launch, dtype):
    """One kernel that uses each word; every length of the last vector."""
    count = lanes(np.dtype(dtype).itemsize)
    for n in range(1, 3 * count + 1):
        rng = np.random.default_rng(n)
        x, a = rng.standard_normal(n + 5).astype(dtype), rng.standard_normal(n).astype(dtype)
        x[n:] = np.nan  # behind the end
        y = np.full(n + 5, 7, dtype)
        results = np.zeros(3, dtype)
        arguments = [Buffer.external(i) for i in range(4)]
        words = launch.program(launch.own("words"), [dtype], [*arguments, n], cells=1, bases=4)
        words.run([address_of(z) for z in (y, x, a, results)])
        expected = np.maximum(x[:n] * a + 2, x[:n] - a) / np.minimum(a + 10, 11).astype(dtype)
        np.testing.assert_allclose(y[:n], expected, rtol=1e-5 if dtype == "float32" else 1e-13, atol=1e-6)
        assert (y[n:] == 7).all()
        np.testing.assert_allclose(results[0], x[:n].astype("float64").sum(), atol=1e-5)
        assert results[1] == max(x[:n].max(), 0) and results[2] == count


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_square_is_transposed_and_streamed(launch, dtype):
    count = lanes(np.dtype(dtype).itemsize)
    x = np.random.default_rng(0).standard_normal((count, count + 3)).astype(dtype)
    memory = np.zeros(count * count + 16, dtype)
    start = -address_of(memory) % 64 // memory.itemsize
    y = memory[start : start + count * count].reshape(count, count)
    square = launch.program(
        launch.own("square"), [dtype], [Buffer.external(0), Buffer.external(1), count + 3], cells=1, bases=2
    )
    square.run([address_of(y), address_of(x)])
    np.testing.assert_array_equal(y, 2 * x[:, :count].T)
