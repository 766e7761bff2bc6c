"""What several tests of training need: a small network, what it has learned, and whether that is the same."""

import fastdl as fd
from fastdl import nn
from fastdl.tree import flatten


def network(seed=0):
    """Six numbers in, three classes out, with dropout."""
    fd.seed(seed)
    return nn.Sequential(nn.Dense(6, 8), nn.Tanh(), nn.Dropout(0.2), nn.Dense(8, 3))


def values(model):
    """Copies of the parameters."""
    return [a.copy() for a in flatten(model.parameters())[0]]


def same(a, b):
    """Whether the arrays of two lists have the same bits."""
    return all(p.tobytes() == q.tobytes() for p, q in zip(a, b, strict=True))
