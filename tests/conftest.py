"""What all tests share: the package under test is the installed one, and hypothesis draws the same cases every time.

``FASTDL_TEST_CHECKOUT=1`` lets a developer test the checkout instead (``PYTHONPATH=. pytest``).
"""

import os
import signal
import threading
from pathlib import Path

import hypothesis
import pytest

import fastdl

if len(os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)) < 2:
    os.environ.setdefault("NUMBA_NUM_THREADS", "2")  # read when kernels first run: the parallel path is tested anywhere

hypothesis.settings.register_profile("ci", derandomize=True, database=None, deadline=None, max_examples=30)
hypothesis.settings.register_profile("fuzz", deadline=None, print_blob=True)
hypothesis.settings.load_profile("ci")


def pytest_addoption(parser):
    parser.addoption("--cases", type=int, default=200, metavar="N", help="random cases of each test marked fuzz")


def pytest_configure(config):
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # in the background of a shell; processes of tests inherit it
        signal.signal(signal.SIGINT, signal.default_int_handler)
    package, checkout = Path(fastdl.__file__).resolve().parent, Path(__file__).resolve().parent.parent
    if package.parent == checkout and os.environ.get("FASTDL_TEST_CHECKOUT") != "1":
        raise pytest.UsageError(
            f"fastdl is imported from the checkout ({package}), but the tests are for the installed package: "
            "`pip install .` and run `pytest`, not `python -m pytest`; or set FASTDL_TEST_CHECKOUT=1"
        )


@pytest.fixture
def cases(request):
    """How many random cases a test marked ``fuzz`` should run: ``--cases``."""
    return request.config.getoption("--cases")


@pytest.fixture
def at_once():
    """``at_once(work, n)``: call ``work(0)`` to ``work(n - 1)`` in a thread each; what one of them raises is raised."""

    def run(work, count):
        errors = []

        def call(i):
            try:
                work(i)
            except Exception as error:
                errors.append(error)

        workers = [threading.Thread(target=call, args=(i,)) for i in range(count)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        if errors:
            raise errors[0]

    return run


@pytest.fixture(autouse=True)
def _threads_as_before():
    """A test may call ``set_num_threads``; the next one starts from the default."""
    yield
    from fastdl._kernels import threads

    threads.set_num_threads(threads.most())
