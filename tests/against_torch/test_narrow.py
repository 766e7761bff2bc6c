"""Twenty steps of fit of narrow chains, which one launch does, against PyTorch: same initial weights, same batches."""

import numpy as np
import pytest

import fastdl as fd
from fastdl import nn, optim
from fastdl.tree import flatten

from .twins import T, torch

ROWS = {
    "4-1": ((4, 1), 32, optim.SGD(0.1), lambda p: torch.optim.SGD(p, 0.1)),
    "2-4-2-1": ((2, 4, 2, 1), 10, optim.SGD(0.1), lambda p: torch.optim.SGD(p, 0.1)),
    "2-8-8-8-1": ((2, 8, 8, 8, 1), 32, optim.Adam(0.01), lambda p: torch.optim.Adam(p, 0.01)),
    "5-9-3": ((5, 9, 3), 13, optim.Adam(0.01), lambda p: torch.optim.Adam(p, 0.01)),
}


def chain(m, widths):
    linear = m.Linear
    layers = []
    for inputs, outputs in zip(widths, widths[1:], strict=False):
        layers += [linear(inputs, outputs), m.Tanh()]
    return m.Sequential(*layers[:-1])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("row", ROWS)
def test_twenty_steps(row, dtype):
    widths, batch, ours, make_theirs = ROWS[row]
    rng = np.random.default_rng(1)
    x = rng.standard_normal((20 * batch, widths[0])).astype(dtype)
    y = rng.integers(0, max(2, widths[-1]), len(x))
    fd.seed(0)
    torch.manual_seed(0)
    model, other = chain(nn, widths).astype(dtype), chain(torch.nn, widths).to(getattr(torch, dtype))
    model.load_state_dict({k: v.detach().numpy() for k, v in other.state_dict().items()})
    optimizer, losses = make_theirs(other.parameters()), []
    for start in range(0, len(x), batch):
        xb, yb = torch.tensor(x[start : start + batch]), torch.tensor(y[start : start + batch])
        optimizer.zero_grad()
        if widths[-1] == 1:
            loss = T.binary_cross_entropy_with_logits(other(xb)[:, 0], yb.to(xb.dtype))
        else:
            loss = T.cross_entropy(other(xb), yb)
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    history = model.fit(x, y, optimizer=ours, epochs=1, batch_size=batch, shuffle=False, progress=False)
    np.testing.assert_allclose(history["loss"][0], np.mean(losses), rtol=1e-9 if dtype == "float64" else 1e-5)
    theirs = other.state_dict()
    for name, array in model.state_dict().items():
        error = np.linalg.norm(array - theirs[name].numpy()) / np.linalg.norm(theirs[name].numpy())
        assert error <= (1e-9 if dtype == "float64" else 1e-3), name
    assert len(flatten(model.parameters())[0]) == 2 * (len(widths) - 1)
