"""The blocks of attention: heads that go through the keys together, masks block by block, scores at the ends of the
range."""

import numpy as np
import pytest

from fastdl import functional as F
from fastdl import reference

INF = np.inf


def arrays(dtype, *shapes):
    rng = np.random.default_rng(0)
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes]


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("length, group", [(1, 8), (3, 4), (7, 12), (40, 5), (100, 2)])
def test_heads_with_few_queries_go_through_the_keys_together(length, group, causal):
    heads = (2, 2 * group)
    q, k, v, g = arrays(np.float64, (*heads, length, 5), (2, 2, 290, 5), (2, 2, 290, 3), (*heads, length, 3))
    repeated = [np.repeat(x, group, axis=1) for x in (k, v)]
    rng = np.random.default_rng(2)
    for mask in (None, rng.random((2 * group, length, 290)) < 0.8, rng.standard_normal((2, 1, length, 1))):
        y = F.attention(q, k, v, mask, causal=causal)
        np.testing.assert_allclose(y, F.attention(q, *repeated, mask, causal=causal), rtol=1e-13, atol=1e-13)
        ours = F.attention_backward(g, q, k, v, mask, causal=causal)
        theirs = list(F.attention_backward(g, q, *repeated, mask, causal=causal))
        for i in (1, 2):
            theirs[i] = theirs[i].reshape(2, 2, group, 290, -1).sum(2)
        for a, b in zip(ours, theirs, strict=True):
            if b is not None:
                np.testing.assert_allclose(a, b, rtol=0, atol=1e-13 * max(1, np.abs(b).max()))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_blocks_that_a_mask_hides_or_allows_whole(dtype):
    q, k, v, g = arrays(dtype, (3, 200, 8), (3, 700, 8), (3, 700, 8), (3, 200, 8))
    window = np.abs(np.arange(200)[:, np.newaxis] * 3 - np.arange(700)) < 50
    padding = (np.arange(700) < np.array([[700], [300], [0]]))[:, np.newaxis]
    tolerance = 100 * np.finfo(dtype).eps
    for mask in (window, padding, window & padding):
        added = np.where(mask, 0, -INF).astype(dtype)
        for causal in (False, True):
            ours = F.attention(q, k, v, mask, causal=causal), *F.attention_backward(g, q, k, v, mask, causal=causal)
            theirs = F.attention(q, k, v, added, causal=causal), *F.attention_backward(g, q, k, v, added, causal=causal)
            for a, b in zip(ours[:4], theirs[:4], strict=True):
                np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * np.abs(b).max())


@pytest.mark.parametrize("keys", [40, 600])
def test_scores_as_large_as_numbers_get(keys):
    """One rounded, one not: the largest score of a row must not be above itself."""
    for size in (1e5, 1e10, 1e18):
        q, k, v, g = arrays(np.float32, (70, 3), (keys, 3), (keys, 2), (70, 2))
        q, k = q * np.float32(size), k * np.float32(size)
        y = F.attention(q, k, v)
        s = q.astype(np.float64) @ k.T
        clear = np.diff(np.sort(s)[:, -2:])[:, 0] > 1e-4 * np.abs(s).max(-1)
        assert clear.sum() > 20
        np.testing.assert_array_equal(y[clear], v[s.argmax(-1)[clear]])
        assert all(np.isfinite(x).all() for x in (y, *F.attention_backward(g, q, k, v)[:3]))


@pytest.mark.parametrize("scale", [-0.7, 0])
@pytest.mark.parametrize("keys", [40, 300])
def test_a_scale_that_is_not_positive(keys, scale):
    q, k, v, g = arrays(np.float64, (70, 3), (keys, 3), (keys, 2), (70, 2))
    for causal in (False, True):
        options = {"scale": scale, "causal": causal}
        ours = F.attention(q, k, v, **options), *F.attention_backward(g, q, k, v, **options)[:3]
        theirs = reference.attention(q, k, v, **options), *reference.attention_backward(g, q, k, v, **options)[:3]
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)
