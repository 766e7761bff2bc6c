"""The installed peers do the same work as fastdl: their results agree row by row, in processes of their own."""

import pytest

from fastdl.benchmark import measure, rows
from fastdl.benchmark.peers import installed

OPTIONAL = ("torch", "jax", "sklearn", "opencv")
CHOSEN = [
    "quick",
    "dense grad 32x256x256",
    "conv2d grad 5x5 32,6,14,14*",
    "conv2d 3x3 8,32,28,28->64 float64",
    "attention grad 1,1,10,16",
    "train 784-128-10*",
    "train 2-8-8-8-1*",
]


@pytest.mark.parametrize("peer", OPTIONAL)
def test_the_same_work(peer):
    if peer not in installed():
        pytest.skip(f"{peer} is not installed")
    results, facts = measure.run(rows.select(CHOSEN), [peer], threads=2, rounds=1, seconds=1e-4)
    assert peer in facts["versions"]
    compared = [result for result in results if peer in result.libraries]
    assert compared
    for result in compared:
        assert result.libraries[peer].problem is None, result.row.name
        assert result.ratio(peer) > 0
