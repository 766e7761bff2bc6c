"""``pytest bench`` times fastdl's own kernels with pytest-benchmark, one thread; see README.md beside this file."""

import pytest

import fastdl as fd


@pytest.fixture(autouse=True)
def one_thread():
    """Kernels are compared with each other, so what the threads add is left out."""
    with fd.threads(1):
        yield
