"""The direct convolution and its gradients, on this machine and on machines described as older ones."""

import platform
import sys

import pytest

from fastdl._kernels.machine import machine

CPUS = {"generic": {"NUMBA_CPU_NAME": "generic"}, "haswell": {"NUMBA_CPU_NAME": "haswell"}}
DTYPES = ["float32", "float64"]


@pytest.mark.parametrize("dtype", DTYPES)
def test_against_the_reference(convolutions, dtype):
    for name in convolutions.CASES:
        convolutions.check(name, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_nothing_beyond_the_arrays_takes_part(convolutions, dtype):
    for name in convolutions.CASES:
        convolutions.check_edge(name, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_same_bits_for_any_number_of_threads(convolutions, dtype):
    for name in convolutions.CASES:
        convolutions.check_threads(name, dtype)


@pytest.mark.skipif(sys.platform != "linux", reason="pages are guarded by Linux's mprotect")
def test_no_memory_beyond_the_arrays_is_touched(run):
    run("import convolutions; convolutions.check_guarded()")


@pytest.mark.parametrize("cpu", CPUS)
def test_on_other_machines(run, tmp_path, cpu):
    if cpu == "haswell" and (platform.machine() not in ("x86_64", "AMD64") or machine().vector_bytes < 32):
        pytest.skip("this machine has no AVX2")
    run("import convolutions; convolutions.check_all()", FASTDL_CACHE_DIR=tmp_path, **CPUS[cpu])
