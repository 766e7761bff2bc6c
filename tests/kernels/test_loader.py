"""From a kernel's name to its address: loaded where it can be, compiled once where not, and said once."""

import pytest

from fastdl._kernels import Kernel, cache, compiler, loader

SAID = "fastdl: compiling"
THREE_KERNELS = """
from fastdl._kernels import loader
loader.NOTICEABLE_SECONDS = {noticeable}
import launch
launch.own("add").address("float32"), launch.own("scale").address("float32"), launch.own("mark").address("float32")
"""


def test_a_compilation_that_takes_time_is_said_once_and_a_warm_start_is_silent(run, tmp_path):
    folder = tmp_path / "empty"
    _, cold = run(THREE_KERNELS.format(noticeable=0.0), FASTDL_CACHE_DIR=folder)
    assert cold.count(SAID) == 1 and cold.count("\n") == 1
    assert len(list(folder.iterdir())) == 3
    _, warm = run(THREE_KERNELS.format(noticeable=0.0), FASTDL_CACHE_DIR=folder)
    assert warm == ""


def test_a_quick_compilation_is_silent(run, tmp_path):
    _, err = run(THREE_KERNELS.format(noticeable=1e9), FASTDL_CACHE_DIR=tmp_path / "empty")
    assert err == ""


def test_a_warm_start_on_one_thread_imports_no_numba(run):
    code = "import launch; from fastdl._kernels import threads; threads.set_num_threads(1); launch.check()"
    run(code)
    run(code + "; import sys; assert 'numba' not in sys.modules")


def test_a_damaged_file_is_compiled_again_and_mended(launch, tmp_path, monkeypatch):
    monkeypatch.setenv("FASTDL_CACHE_DIR", str(tmp_path / "cache"))
    loader._load_or_compile(launch.own("add"), ("float64",))
    (file,) = (tmp_path / "cache").iterdir()
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    before = loader.seconds_compiling()
    loader._load_or_compile(launch.own("add"), ("float64",))
    assert loader.seconds_compiling() > before
    assert cache.load("for_tests.add(float64)") is not None
    before = loader.seconds_compiling()
    loader._load_or_compile(launch.own("add"), ("float64",))
    assert loader.seconds_compiling() == before


def test_threads_that_want_the_same_kernel_wait_for_one_compilation(launch, tmp_path, monkeypatch, at_once):
    monkeypatch.setenv("FASTDL_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(loader, "_addresses", {})
    compiled, real = [], compiler.compile_kernel

    def counting(*args):
        compiled.append(args)
        return real(*args)

    monkeypatch.setattr(compiler, "compile_kernel", counting)
    addresses = []
    at_once(lambda i: addresses.append(launch.own("push").address("float64")), 8)
    assert len(compiled) == 1
    assert len(addresses) == 8 and len(set(addresses)) == 1 and addresses[0] != 0


def test_a_kernel_that_is_not_there(launch):
    with pytest.raises(AttributeError, match="no_such_kernel"):
        Kernel("for_tests", "no_such_kernel").address("float32")
    with pytest.raises(ModuleNotFoundError, match="no_such_file"):
        Kernel("no_such_file", "add").address("float32")


def test_a_fork_waits_for_a_compilation_so_that_the_child_can_compile(run, tmp_path):
    """Forked while another thread compiles, the child would find the lock taken by nobody, for good."""
    run(
        """
import os, signal, threading, time
import launch
from fastdl._kernels import compiler
real, begun = compiler.compile_kernel, threading.Event()
def slow(*args):
    begun.set()
    time.sleep(0.5)
    return real(*args)
compiler.compile_kernel = slow
thread = threading.Thread(target=lambda: launch.own("add").address("float32"))
thread.start()
begun.wait()
child = os.fork()
if child == 0:
    signal.alarm(30)
    launch.check(), launch.check(dtype="float64")
    os._exit(0)
thread.join()
assert os.waitpid(child, 0)[1] == 0
""",
        FASTDL_CACHE_DIR=tmp_path / "empty",
    )


@pytest.mark.parametrize("setting", ["DISABLE_JIT=1", "OPT=0", "DEBUGINFO=1", "BOUNDSCHECK=1"])
def test_what_a_user_sets_to_debug_functions_of_theirs_does_not_change_ours(run, tmp_path, setting):
    name, _, value = setting.partition("=")
    code = """
import launch
launch.check()
from numba.core import config
assert (config.DISABLE_JIT, int(config.OPT)) == {users}
"""
    users = (int(name == "DISABLE_JIT"), 0 if name == "OPT" else 3)
    _, err = run(code.format(users=users), FASTDL_CACHE_DIR=tmp_path, **{f"NUMBA_{name}": value})
    assert "Warning" not in err
