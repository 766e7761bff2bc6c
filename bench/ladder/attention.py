"""Attention, step by step: ``python -m bench.ladder attention``.

Letters: H heads, T queries and as many keys, D features; s the scores q k' / sqrt(D), p their softmax, y = p v.
"""

from collections.abc import Iterator

import numpy as np

from fastdl import functional as F

from .steps import PEAK, Step

TITLE, LIMIT = "Attention, float32", PEAK
SIZE, SMALL = (4, 2048, 64), (2, 40, 8)  # H, T, D; the tests take the small one


def whole(q, k, v):
    """The formula: all T x T scores of a head in memory, read and written again and again."""
    s = q @ k.swapaxes(-1, -2) / q.dtype.type(np.sqrt(q.shape[-1]))
    p = np.exp(s - s.max(-1, keepdims=True))
    return (p / p.sum(-1, keepdims=True)) @ v


def streamed(q, k, v, block=256):
    """A block of keys at a time: its scores stay in the cache. What was summed is scaled to the largest score."""
    scale = q.dtype.type(1 / np.sqrt(q.shape[-1]))
    y = np.zeros_like(q)
    for head in range(len(q)):
        for i in range(0, q.shape[1], block):
            rows = q[head, i : i + block]
            most = np.full((len(rows), 1), -np.inf, q.dtype)
            total, result = np.zeros_like(most), np.zeros_like(rows)
            for j in range(0, k.shape[1], block):
                s = rows @ k[head, j : j + block].T
                s *= scale
                top = np.maximum(most, s.max(-1, keepdims=True))
                s -= top
                np.exp(s, out=s)
                change = np.exp(most - top)
                total = total * change + s.sum(-1, keepdims=True)
                result = result * change + s @ v[head, j : j + block]
                most = top
            y[head, i : i + block] = result / total
    return y


def steps(sizes: tuple[int, int, int]) -> Iterator[Step]:
    """The ladder for H, T, D."""
    rng = np.random.default_rng(0)
    q, k, v = (rng.standard_normal(sizes).astype(np.float32) for _ in range(3))
    expected = whole(*(x.astype(np.float64) for x in (q, k, v)))
    size, work = " x ".join(map(str, sizes)), 4.0 * q.size * sizes[1]  # two products; exp is not counted
    yield Step("whole", size, "all scores in memory, NumPy", lambda: whole(q, k, v), expected, work)
    change = "blocks of scores in the cache, NumPy"
    yield Step("streamed", size, change, lambda: streamed(q, k, v), expected, work)
    change = "the same in one kernel, exp as a polynomial in vectors"
    yield Step("F.attention", size, change, lambda: F.attention(q, k, v), expected, work)
    yield Step("F.attention", size, "all threads", lambda: F.attention(q, k, v), expected, work, all_threads=True)
