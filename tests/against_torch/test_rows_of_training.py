"""Each row of training in the benchmark, network, optimiser and data, is trained for 20 steps by fit and by PyTorch.

Twenty steps are four epochs over five batches, which gives the mean loss of every five steps.
"""

import dataclasses

import numpy as np
import pytest

import fastdl as fd
from fastdl.benchmark import rows, work
from fastdl.benchmark.peers import _fastdl

from .twins import torch

ROWS = [row for row in rows.ROWS if row.kind == "train"]
BATCHES, EPOCHS = 5, 4


@pytest.fixture(params=ROWS, ids=lambda row: row.name)
def row(request):
    return request.param


def trained(row, dtype, batches=BATCHES, epochs=EPOCHS):
    """Losses and parameters of both; of many networks five will do."""
    from fastdl.benchmark.peers._torch_training import Training

    few = {"networks": 5} if "networks" in row.spec else {}
    row = dataclasses.replace(row, spec={**row.spec, **few, "dtype": dtype})
    arrays = work.arrays(row)
    ours = _fastdl.build(row, arrays).learn(batches, epochs)
    each = [work.of_network(arrays, i) for i in range(5)] if few else [arrays]
    others = [Training(row, a, torch.contiguous_format, {"foreach": False}).learn(batches, epochs) for a in each]
    losses = np.mean([found for found, _ in others], axis=0)
    parameters = [np.stack(p) if few else p[0] for p in zip(*[found for _, found in others], strict=True)]
    return (ours[0], losses), (ours[1], parameters)


def test_float64_parameters_after_20_steps(row):
    losses, parameters = trained(row, "float64")
    np.testing.assert_allclose(*losses, rtol=1e-9)
    for ours, theirs in zip(*parameters, strict=True):
        assert ours.dtype == np.float64
        assert np.linalg.norm(ours - theirs) <= 1e-9 * np.linalg.norm(theirs)


def is_sensitive(row):
    """Adam's first steps are as long for gradients that are rounding as for others, and a relu makes other gradients
    of the difference. PyTorch's own losses in float32 then leave those in float64 by up to 4e-4 in 20 steps (measured
    with ten draws of the data; fastdl's by as much), so 1e-5 can be asked for of the first steps only."""
    return row.spec["optimizer"] == "adam" and ("relu",) in row.spec["network"]


@pytest.mark.parametrize(("precision", "rtol"), [("strict", 1e-5), ("default", 1e-3)])
def test_float32_losses_of_20_steps(row, precision, rtol):
    with fd.precision(precision):
        losses, parameters = trained(row, "float32")
    np.testing.assert_allclose(*losses, rtol=1e-3 if is_sensitive(row) else rtol)
    if is_sensitive(row):
        with fd.precision(precision):
            np.testing.assert_allclose(*trained(row, "float32", 3, 1)[0], rtol=rtol)
    assert all(ours.dtype == np.float32 for ours in parameters[0])
