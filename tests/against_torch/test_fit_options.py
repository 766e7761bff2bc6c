"""Twenty steps of ``fit`` with its options against PyTorch loops with the same penalties, losses and averages."""

import numpy as np
import pytest

import fastdl as fd
from fastdl import nn, optim

from .twins import T, torch

BATCH = 8


def pair(dtype):
    """The same network twice, and 20 batches."""
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((20 * BATCH, 6)).astype(dtype), rng.integers(0, 3, 20 * BATCH)
    fd.seed(0)
    ours = nn.Sequential(nn.Dense(6, 16), nn.Tanh(), nn.Dense(16, 3)).astype(dtype)
    theirs = torch.nn.Sequential(torch.nn.Linear(6, 16), torch.nn.Tanh(), torch.nn.Linear(16, 3))
    theirs = theirs.to(getattr(torch, dtype))
    theirs.load_state_dict({name: torch.tensor(a) for name, a in ours.state_dict().items()})
    return ours, theirs, x, y


def penalized(l1, l2):
    def loss(model, outputs, target):
        value = T.cross_entropy(outputs, target)
        for p in model.parameters():
            if p.ndim > 1:
                value = value + l1 * p.abs().sum() + l2 * (p * p).sum()
        return value

    return loss


def smoothed(share):
    return lambda model, outputs, target: T.cross_entropy(outputs, target, label_smoothing=share)


def plain(model, outputs, target):
    return T.cross_entropy(outputs, target)


def ignoring(model, outputs, target):
    return T.cross_entropy(outputs, target, ignore_index=1)


def clipped_by_norm(model):
    torch.nn.utils.clip_grad_norm_(model.parameters(), 0.3)


def clipped_by_value(model):
    torch.nn.utils.clip_grad_value_(model.parameters(), 0.01)


CASES = {
    "l1": ({"l1": 0.01}, optim.SGD(0.1), lambda p: torch.optim.SGD(p, 0.1), penalized(0.01, 0), None),
    "l2": ({"l2": 0.02}, optim.Adam(0.01), lambda p: torch.optim.Adam(p, 0.01), penalized(0, 0.02), None),
    "both": ({"l1": 1e-3, "l2": 0.02}, optim.SGD(0.1), lambda p: torch.optim.SGD(p, 0.1), penalized(1e-3, 0.02), None),
    "smoothing": ({"label_smoothing": 0.1}, optim.SGD(0.1), lambda p: torch.optim.SGD(p, 0.1), smoothed(0.1), None),
    "decay": (
        {},
        optim.AdamW(0.01, weight_decay=0.1),
        lambda p: torch.optim.AdamW(p, 0.01, weight_decay=0.1),
        plain,
        None,
    ),
    "norm": ({}, optim.SGD(0.5, clip_norm=0.3), lambda p: torch.optim.SGD(p, 0.5), plain, clipped_by_norm),
    "value": ({}, optim.SGD(0.5, clip_value=0.01), lambda p: torch.optim.SGD(p, 0.5), plain, clipped_by_value),
    "ema": ({"ema": 0.9}, optim.SGD(0.1), lambda p: torch.optim.SGD(p, 0.1), plain, None),
    "ignored": ({"ignore_index": 1}, optim.SGD(0.1), lambda p: torch.optim.SGD(p, 0.1), ignoring, None),
    "accumulate": ({"accumulate": 4}, optim.Adam(0.01), lambda p: torch.optim.Adam(p, 0.01), plain, None),
    "all": (
        {"l1": 1e-3, "l2": 0.02, "label_smoothing": 0.1, "ema": 0.8, "accumulate": 2},
        optim.Adam(0.01),
        lambda p: torch.optim.Adam(p, 0.01),
        None,
        None,
    ),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CASES)
def test_twenty_batches(name, dtype):
    options, optimizer, make, loss, clip = CASES[name]
    ours, theirs, x, y = pair(dtype)
    every, ema = options.get("accumulate", 1), options.get("ema")
    average = None
    if ema is not None:
        from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

        average = AveragedModel(theirs, multi_avg_fn=get_ema_multi_avg_fn(ema))
    ours.fit(x, y, epochs=1, batch_size=BATCH, shuffle=False, optimizer=optimizer, loss="cross_entropy", **options)
    loss = loss or (
        lambda model, outputs, target: (
            penalized(1e-3, 0.02)(model, outputs, target)
            - T.cross_entropy(outputs, target)
            + T.cross_entropy(outputs, target, label_smoothing=0.1)
        )
    )
    other = make(theirs.parameters())
    for i in range(0, len(x), BATCH):
        outputs = theirs(torch.tensor(x[i : i + BATCH]))
        (loss(theirs, outputs, torch.tensor(y[i : i + BATCH])) / every).backward()
        if (i // BATCH + 1) % every == 0:
            if clip is not None:
                clip(theirs)
            other.step()
            other.zero_grad()
            if average is not None:
                average.update_parameters(theirs)
    expected = (theirs if average is None else average.module).state_dict()
    tolerance = {"rtol": 1e-9, "atol": 1e-12} if dtype == "float64" else {"rtol": 1e-3, "atol": 1e-5}
    for key, array in ours.state_dict().items():
        np.testing.assert_allclose(array, expected[key].numpy(), **tolerance)
