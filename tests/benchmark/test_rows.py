"""The benchmark's rows as data: names, patterns, bars, and arrays that fit each other."""

import numpy as np
import pytest

from fastdl.benchmark import ROWS, select
from fastdl.benchmark.networks import CNN, ENCODER, LENET, dense, parameters
from fastdl.benchmark.peers import LIBRARIES, PEERS
from fastdl.benchmark.rows import MEANS
from fastdl.benchmark.work import arrays, initial


def names(*patterns):
    return [row.name for row in select(patterns)]


def test_names_are_different_and_bars_name_peers():
    assert len({row.name for row in ROWS}) == len(ROWS)
    for row in ROWS:
        assert set(row.bars) <= {*PEERS, "best"} and all(least > 0 for least in row.bars.values())
    parts = {row.part for row in ROWS}
    assert set(MEANS) <= parts and set(PEERS) < set(LIBRARIES)


def test_what_is_to_be_measured_is_there():
    kinds = {row.kind for row in ROWS}
    assert kinds >= {
        "dense",
        "dense grad",
        "conv2d",
        "conv2d grad",
        "attention",
        "filter2d",
        "map",
        "map grad",
        "train",
    }
    assert {row.kind for row in ROWS if row.quick} == {"dense", "conv2d", "attention", "filter2d", "map", "train"}


def test_patterns():
    assert names("all") == [row.name for row in ROWS]
    assert names("quick") == [row.name for row in ROWS if row.quick]
    assert names("dense 1x*", "filter2d 3x3 480*") == ["dense 1x1024x1024", "filter2d 3x3 480x640"]
    assert names("train") == [row.name for row in ROWS if row.kind == "train"]
    assert names("conv2d 3x3") == [row.name for row in ROWS if row.part == "conv2d 3x3"]
    with pytest.raises(ValueError, match="no row is named 'convolution'; expected quick, all, a kind"):
        select(["convolution"])


@pytest.mark.parametrize("row", [row for row in ROWS if row.quick], ids=lambda row: row.name)
def test_arrays_are_the_same_in_every_process(row):
    first, second = arrays(row), arrays(row)
    assert first and list(first) == list(second)
    for name, array in first.items():
        np.testing.assert_array_equal(array, second[name])
        assert array.dtype == (np.int64 if name == "y" else np.dtype(row.spec["dtype"]))


def test_the_work_is_counted():
    """Twice the multiplications of the definition."""
    by_name = {row.name: row for row in ROWS}
    assert by_name["dense 128x784x512"].work == 2 * 128 * 784 * 512
    conv = by_name["conv2d 5x5 32,6,14,14->16"]
    assert conv.work == 2 * arrays(conv)["grad"].size * 6 * 25
    assert by_name["attention 1,8,128,64"].work == 2 * 2 * 8 * 128 * 128 * 64


def test_the_networks_of_rows():
    assert [p.shape for p in parameters(dense(2, 4, 1, activation="tanh"))] == [(4, 2), (4,), (1, 4), (1,)]

    def count(network):
        return sum(int(np.prod(p.shape)) for p in parameters(network))

    assert count(LENET) == 61706 and count(CNN) == 320 + 9248 + 18496 + 16010
    assert count(ENCODER) == 2 * (4 * 64 * 65 + 256 * 65 + 64 * 257 + 4 * 64) + 650
    (row,) = select(["train transformer*"])
    start = initial(arrays(row))
    assert [a.shape for a in start] == [p.shape for p in parameters(ENCODER)]
    norms = [a for a, p in zip(start, parameters(ENCODER), strict=True) if p.center]
    assert len(norms) == 4 and all(abs(a.mean() - 1) < 0.1 for a in norms)
