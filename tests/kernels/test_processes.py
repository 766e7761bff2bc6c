"""Whole processes: many starting at once, without a home, on a held-down CPU, beside a user's own fastmath."""

import os
import platform

import numpy as np
import pytest

CHECK = "import launch; launch.check(); launch.check(dtype='float64')"


def start_at_once(start, folder, count):
    """``count`` processes on the same empty cache; all must be right."""
    code = "import launch; launch.check(); from fastdl._kernels import cache; cache.load('for_tests.add(float32)')[0]"
    processes = [start(code, FASTDL_CACHE_DIR=folder) for _ in range(count)]
    for process in processes:
        out, err = process.communicate(timeout=300)
        assert process.returncode == 0, f"{out}\n{err}"
        assert err.count("\n") <= 1, err  # that kernels are compiled
    names = [p.name for p in folder.iterdir()]
    assert len(names) == 3 and all(name.endswith(".bin") for name in names), names


def test_processes_that_start_at_once_on_an_empty_cache(start, tmp_path):
    start_at_once(start, tmp_path / "cache", 6)


@pytest.mark.slow
def test_twenty_processes_ten_times(start, tmp_path):
    for i in range(10):
        start_at_once(start, tmp_path / f"cache {i}", 20)


def test_a_cache_that_cannot_be_written_is_said_once_and_all_works(run, tmp_path):
    (tmp_path / "file").write_text("")
    _, err = run(CHECK, FASTDL_CACHE_DIR=tmp_path / "file" / "cache")
    assert err.count("CacheWarning") == 1 and "FASTDL_CACHE_DIR" in err


@pytest.mark.skipif(os.name != "posix", reason="the user database")
def test_no_home_folder(run, tmp_path):
    code = """
import pwd
def unknown(uid):
    raise KeyError(uid)
pwd.getpwuid = unknown
from fastdl._kernels import cache
"""
    nothing = dict.fromkeys(set(os.environ) - {"PATH", "LD_LIBRARY_PATH"})
    here = {"FASTDL_CACHE_DIR": None, "TMPDIR": tmp_path, "PYTHONPATH": os.pathsep.join(_search_path())}
    run(code + CHECK, **{**nothing, **here})
    assert len(list((tmp_path / f"fastdl-{os.getuid()}").iterdir())) == 4


def _search_path():
    """Where the process started with an empty environment finds ``launch``, and the checkout if that is tested."""
    here = os.path.dirname(__file__)
    return [here, *filter(None, [os.environ.get("PYTHONPATH")])]


# Zen 4 and later have AVX-512, which a machine described as haswell must not use: the features are set, too.
CPUS = {
    "generic": {"NUMBA_CPU_NAME": "generic"},
    "haswell": {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": "+sse4.2,+avx,+avx2,+fma,+bmi,+bmi2"},
}

ALL_FUNCTIONS = """
import numpy as np, sys
from fastdl import functional as F
x = np.linspace(-20, 20, 1003)
for dtype, tolerance in [("float32", 2e-6), ("float64", 1e-14)]:
    a = x.astype(dtype)
    wide = a.astype("float64")
    for name, y, expected in [
        ("exp", F.exp(a), np.exp(wide)),
        ("tanh", F.tanh(a), np.tanh(wide)),
        ("log", F.log(np.abs(a) + 1), np.log((np.abs(a) + 1).astype("float64"))),
        ("sigmoid", F.sigmoid(a), 1 / (1 + np.exp(-wide))),
        ("relu", F.relu(a), np.maximum(wide, 0)),
        ("add", F.add(a, a[::-1]), wide + wide[::-1]),
    ]:
        assert y.dtype == dtype
        np.testing.assert_allclose(y, expected, rtol=tolerance, atol=tolerance, err_msg=f"{name} {dtype}")
"""


@pytest.mark.parametrize("cpu", CPUS)
def test_a_held_down_cpu_gives_right_results_in_files_of_its_own(run, tmp_path, cpu):
    if cpu == "haswell" and (platform.machine() not in ("x86_64", "AMD64") or " avx2 " not in _cpu_flags()):
        pytest.skip("this machine has no AVX2")
    run(CHECK, FASTDL_CACHE_DIR=tmp_path)
    before = set(tmp_path.iterdir())
    run(CHECK + ALL_FUNCTIONS, FASTDL_CACHE_DIR=tmp_path, **CPUS[cpu])
    assert before < set(tmp_path.iterdir())
    names = [p.name.rsplit("-", 1)[0] for p in tmp_path.iterdir()]
    assert names.count("for-tests-add-float32-") == 2


def _cpu_flags():
    from llvmlite import binding

    return " " + " ".join(name for name, there in binding.get_host_cpu_features().items() if there) + " "


USERS_FASTMATH = """
import numba, numpy as np
import launch
from fastdl._kernels import block, vector_math as vm

@numba.njit(fastmath=True)  # deletes every question whether a number is NaN
def users(x):
    total = x[0]
    for v in x:
        total += vm.exp(v) + vm.log(v) + vm.tanh(v) + vm.sigmoid(v)
        total += np.sqrt(v) + np.abs(v) + np.sign(v) + min(v, x[0]) + max(v, x[0]) + (v if np.isnan(v) else 1)
    return total

users(np.ones(3, np.float32)), users(np.ones(3))

from fastdl import functional as F
for dtype in ("float32", "float64"):
    x = np.array([np.nan, np.inf, -np.inf, 0, 1] * 20, dtype)
    with np.errstate(all="ignore"):
        for name, y, expected in [
            ("exp", F.exp(x), np.exp(x)),
            ("log", F.log(x), np.log(x)),
            ("tanh", F.tanh(x), np.tanh(x)),
            ("sigmoid", F.sigmoid(x), 1 / (1 + np.exp(-x))),
            ("sqrt", F.sqrt(x), np.sqrt(x)),
            ("abs", F.abs(x), np.abs(x)),
            ("relu", F.relu(x), np.maximum(x, 0)),
            ("maximum", F.maximum(x, x[::-1].copy()), np.maximum(x, x[::-1])),
            ("minimum", F.minimum(x, x[::-1].copy()), np.minimum(x, x[::-1])),
        ]:
            np.testing.assert_allclose(y, expected, rtol=1e-6, err_msg=f"{name} {dtype}")
"""


def test_a_users_fastmath_that_was_compiled_first_does_not_leak_in(run, tmp_path):
    run(USERS_FASTMATH, FASTDL_CACHE_DIR=tmp_path)


SHARED_HELPER = """
import numba, numpy as np
import launch
from fastdl._kernels import for_tests as kernels, Buffer, address_of

@numba.njit(fastmath=True)
def users(x):
    return kernels.is_nan(x)

users(np.float32(1)), users(1.0)
for dtype in ("float32", "float64"):
    x, y = np.array([np.nan, 1], dtype), np.zeros(2, dtype)
    program = launch.program(launch.own("asks"), [dtype], [Buffer.external(0), Buffer.external(1)], cells=2, bases=2)
    program.run([address_of(y), address_of(x)])
    assert y.tolist() == [1, 0], y
"""


def test_a_helper_shared_with_a_users_fastmath_still_knows_nan(run, tmp_path):
    run(SHARED_HELPER, FASTDL_CACHE_DIR=tmp_path)


EIGHT_THREADS = """
import threading, numpy as np
from fastdl import functional as F
x = np.random.default_rng(0).normal(size=(300, 1000)).astype("float32")
expected = [F.exp(x), F.add(x, x[0]), F.tanh(x)]
wrong = []
def work():
    for _ in range(20):
        for y, e in zip([F.exp(x), F.add(x, x[0]), F.tanh(x)], expected):
            if not np.array_equal(y, e):
                wrong.append(y)
callers = [threading.Thread(target=work) for _ in range(8)]
for caller in callers: caller.start()
for caller in callers: caller.join()
assert not wrong
"""


@pytest.mark.parametrize("layer", ["default", "workqueue"])
def test_ops_in_eight_python_threads(run, layer):
    run(EIGHT_THREADS, NUMBA_THREADING_LAYER=layer)


def test_importing_compiles_nothing(run, tmp_path):
    folder = tmp_path / "cache"
    code = """
import sys
import fastdl, fastdl._kernels, fastdl.functional
assert "numba" not in sys.modules and "llvmlite" not in sys.modules
from fastdl._kernels import loader
assert loader.seconds_compiling() == 0
"""
    run(code, FASTDL_CACHE_DIR=folder)
    assert not folder.exists()


def test_results_do_not_depend_on_the_process(run, tmp_path):
    """The same bits from the process that compiled and from one that loaded."""
    code = """
import sys, numpy as np
from fastdl import functional as F
x = np.random.default_rng(0).normal(size=10_001).astype("float32")
sys.stdout.write(F.exp(x).tobytes().hex() + F.tanh(x).tobytes().hex())
"""
    first, second = (run(code, FASTDL_CACHE_DIR=tmp_path)[0] for _ in range(2))
    assert first == second
    exp = np.frombuffer(bytes.fromhex(first), np.float32)[:10_001]
    x = np.random.default_rng(0).normal(size=10_001).astype("float32")
    np.testing.assert_allclose(exp, np.exp(x), rtol=1e-6)
