"""attention beyond what the walk over the registry sees: blocks, masks, memory, what is not finite, its own errors."""

import itertools
import subprocess
import sys

import numpy as np
import pytest

import fastdl as fd
from fastdl import functional as F
from fastdl import reference, testing

DTYPES = (np.float32, np.float64)
INF, NAN = np.inf, np.nan


def arrays(dtype, *shapes, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes]


def both(arrays, grad, **options):
    """Result and gradients, of ours and of the reference."""
    ours = F.attention(*arrays, **options), *F.attention_backward(grad, *arrays, **options)
    theirs = reference.attention(*arrays, **options), *reference.attention_backward(grad, *arrays, **options)
    return [pair for pair in zip(ours, theirs, strict=True) if pair[1] is not None]


def test_by_hand():
    q, k, v = np.float64([[0.0], [np.log(3)]]), np.float64([[0], [1]]), np.float64([[10], [20]])
    np.testing.assert_allclose(F.attention(q, k, v), [[15], [17.5]])
    np.testing.assert_allclose(F.attention(q, k, v, causal=True), [[10], [17.5]])
    np.testing.assert_allclose(F.attention(q, k, v, np.array([[True, False], [False, True]])), [[10], [20]])
    np.testing.assert_allclose(F.attention(q, k, v, np.float64([0, np.log(3)])), [[17.5], [19]])
    np.testing.assert_allclose(F.attention(q, k, v, scale=0), [[15], [15]])


# T, S, D, E: the edges of blocks (16 to 64 queries, 256 keys) and of vectors, few queries, long features.
SIZES = [(1, 1, 1, 1), (1, 700, 5, 3), (4, 257, 16, 16), (5, 256, 7, 2), (67, 300, 33, 300), (130, 515, 64, 64)]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_blocks_and_threads(size, causal, dtype):
    length, keys, features, width = size
    q, k, v, g, bias = arrays(
        dtype, (2, length, features), (2, keys, features), (2, keys, width), (2, length, width), (keys,)
    )
    scores = q.astype(np.float64) @ k.astype(np.float64).swapaxes(1, 2) / np.sqrt(features) + bias
    if causal:
        scores[:, ~np.tri(length, keys, dtype=bool)] = -INF
    p = np.exp(scores - scores.max(-1, keepdims=True))
    p /= p.sum(-1, keepdims=True)
    slope = g.astype(np.float64) @ v.astype(np.float64).swapaxes(1, 2)
    ds = p * (slope - (p * slope).sum(-1, keepdims=True))
    root = np.sqrt(features)
    expected = p @ v, ds @ k / root, ds.swapaxes(1, 2) @ q / root, p.swapaxes(1, 2) @ g, ds.sum((0, 1))
    results = []
    for n in (1, 2):
        with fd.threads(n):
            y = F.attention(q, k, v, bias, causal=causal)
            results.append((y, *F.attention_backward(g, q, k, v, bias, causal=causal)))
    tolerance = 60 * np.finfo(dtype).eps
    for one, two, right in zip(*results, expected, strict=True):
        np.testing.assert_array_equal(one, two)
        assert one.dtype == dtype
        np.testing.assert_allclose(one, right, rtol=tolerance, atol=tolerance * np.abs(right).max())


@pytest.mark.parametrize("dtype", DTYPES)
def test_grouped_heads_are_repeated_keys(dtype):
    q, k, v, g = arrays(dtype, (2, 6, 20, 4), (2, 2, 30, 4), (2, 2, 30, 3), (2, 6, 20, 3))
    repeated = [np.repeat(x, 3, axis=1) for x in (k, v)]
    np.testing.assert_array_equal(F.attention(q, k, v), F.attention(q, *repeated))
    dq, dk, dv, _ = F.attention_backward(g, q, k, v)
    eq, ek, ev, _ = F.attention_backward(g, q, *repeated)
    np.testing.assert_array_equal(dq, eq)
    for ours, theirs in ((dk, ek), (dv, ev)):
        summed = theirs.reshape(2, 2, 3, 30, -1).sum(2)
        np.testing.assert_allclose(ours, summed, rtol=0, atol=1e-5 if dtype == np.float32 else 1e-14)


def test_one_new_query_sees_all_of_a_cache():
    q, k, v = arrays(np.float64, (2, 9, 4), (2, 9, 4), (2, 9, 4))
    np.testing.assert_allclose(F.attention(q[:, 8:], k, v), F.attention(q, k, v, causal=True)[:, 8:], rtol=1e-13)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("keys", [3, 300])
def test_a_row_masked_whole_gives_zeros(keys, causal):
    q, k, v, g = arrays(np.float32, (7, 4), (keys, 4), (keys, 2), (7, 2))
    allowed = np.ones((7, keys), bool)
    allowed[[0, 5]] = False
    for mask in (allowed, np.where(allowed, np.float32(0), np.float32(-INF))):
        y, p = F.attention(q, k, v, mask, causal=causal, return_weights=True)
        for zero in (y, p):
            np.testing.assert_array_equal(zero[[0, 5]], 0)
        np.testing.assert_allclose(p[[1, 2, 3, 4, 6]].sum(-1), 1, rtol=1e-6)
        dq, dk, dv, dmask = F.attention_backward(g, q, k, v, mask, causal=causal)
        np.testing.assert_array_equal(dq[[0, 5]], 0)
        assert all(np.isfinite(x).all() for x in (dq, dk, dv))
        assert dmask is None if mask.dtype == bool else (dmask[[0, 5]] == 0).all()
        only = [
            F.attention_backward(g[[i]], q[[i]], k, v, allowed[[i]] & (np.arange(keys) <= (i if causal else keys)))
            for i in (1, 2, 3, 4, 6)
        ]
        np.testing.assert_allclose(dv, sum(x[2] for x in only), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("length, keys", [(0, 3), (3, 0), (0, 0), (0, 300), (9, 0)])
def test_no_queries_or_no_keys(length, keys):
    q, k, v, g = arrays(np.float32, (2, length, 4), (2, keys, 4), (2, keys, 5), (2, length, 5))
    y, p = F.attention(q, k, v, causal=True, return_weights=True)
    np.testing.assert_array_equal(y, np.zeros((2, length, 5)))
    assert p.shape == (2, length, keys)
    for x, dx in zip((q, k, v), F.attention_backward(g, q, k, v)[:3], strict=True):
        np.testing.assert_array_equal(dx, np.zeros(x.shape))


@pytest.mark.parametrize("where", range(4))
@pytest.mark.parametrize("value", [NAN, INF, -INF])
@pytest.mark.parametrize("keys", [20, 300])
def test_what_is_not_finite_reaches_those_who_attend_to_it(keys, value, where):
    q, k, v, mask, g = arrays(np.float32, (20, 3), (keys, 3), (keys, 2), (20, keys), (20, 2))
    inputs = [q, k, v, mask]
    inputs[where][7, 1] = value
    mask[3, 7] = -INF
    for causal in (False, True):
        for ours, theirs in both(inputs, g, causal=causal):
            np.testing.assert_array_equal(np.isfinite(ours), np.isfinite(theirs))
            np.testing.assert_array_equal(np.isnan(ours), np.isnan(theirs))
        if where in (1, 2):
            y = F.attention(*inputs, causal=True)
            assert np.isfinite(y[:7]).all() and np.isfinite(y[3]).all()


@pytest.mark.parametrize("value", [INF, NAN])
@pytest.mark.parametrize("queries", [2, 8])
def test_a_weight_that_a_later_block_makes_vanish_takes_no_part(queries, value):
    q, k, v = np.ones((queries, 1)), np.zeros((600, 1)), np.ones((600, 1))
    k[500], v[3] = 2000, value  # 500 lies in the second block of keys, 3 in the first
    np.testing.assert_array_equal(F.attention(q, k, v, scale=1.0), np.ones((queries, 1)))


def test_large_scores_do_not_overflow():
    q, k = np.float32([[300, 0], [-300, 0]]), np.float32([[300, 0], [299, 5]])
    v = np.float32([[1], [2]])
    np.testing.assert_array_equal(F.attention(q, k, v), [[1], [2]])
    # The largest score comes last: what was summed before is scaled down.
    k = np.linspace(0, 3000, 900, dtype=np.float64)[:, np.newaxis]
    y = F.attention(np.float64([[1], [-1]]), k, np.arange(900.0)[:, np.newaxis])
    powers = np.exp(-(k - k[0]))
    first = (powers * np.arange(900.0)[:, np.newaxis]).sum() / powers.sum()
    np.testing.assert_allclose(y, [[899 - first], [first]], rtol=1e-11)


@pytest.mark.parametrize("mask", [None, "boolean", "added"])
def test_gradients_through_the_weights(mask):
    q, k, v, bias = arrays(np.float64, (4, 5, 3), (2, 6, 3), (2, 6, 2), (5, 6))
    options = {"causal": True, "scale": 0.7, "return_weights": True}
    given = {None: None, "boolean": bias > -0.5, "added": np.where(bias < -1, -INF, bias)}[mask]
    testing.check_grad(lambda q, k, v: F.attention(q, k, v, given, **options), q, k, v)
    gy, gp = arrays(np.float64, (4, 5, 2), (4, 5, 6), seed=1)
    for pair in ((gy, gp), (gy, None), (None, gp)):
        ours = F.attention_backward(pair, q, k, v, given, **options)
        theirs = reference.attention_backward(pair, q, k, v, given, **options)
        for a, b in zip(ours, theirs, strict=True):
            assert (a is None) == (b is None)
            if a is not None:
                np.testing.assert_allclose(a, b, rtol=0, atol=1e-14)
    y, p = F.attention(q, k, v, given, **options)
    ey, ep = reference.attention(q, k, v, given, **options)
    np.testing.assert_allclose(y, ey, atol=1e-14)
    np.testing.assert_allclose(p, ep, atol=1e-15)


@pytest.mark.parametrize("keys", [6, 270])
def test_gradients_of_gradients_by_blocks(keys):
    q, k, v, bias = arrays(np.float64, (4, 5, 3), (2, keys, 3), (2, keys, 2), (5, keys))

    def slopes(q, k, v, bias):
        return fd.grad(lambda *x: np.sum(F.tanh(F.attention(*x, causal=keys == 6))), argnums=(0, 1, 2, 3))(
            q, k, v, bias
        )

    testing.check_grad(fd.compile(slopes), q, k, v, bias)


def test_saved_values_give_the_same_gradient():
    from fastdl.ops import PRIMITIVES

    q, k, v, g = arrays(np.float32, (40, 8), (300, 8), (300, 8), (40, 8))
    y, c = PRIMITIVES["attention"](q, k, v, None, causal=False, scale=0.3)
    scores = 0.3 * q.astype(np.float64) @ k.T
    np.testing.assert_allclose(c, np.log(np.exp(scores).sum(-1)), rtol=1e-6)
    expected = F.attention_backward(g, q, k, v, scale=0.3)[:3]
    recorded = fd.compile(lambda *x: F.attention_backward(*x[:4], scale=0.3, output=x[4])[:3])
    for given in (
        F.attention_backward(g, q, k, v, scale=0.3, output=y, log_sum_exp=c)[:3],
        F.attention_backward(g, q, k, v, scale=0.3, output=y)[:3],
        recorded(g, q, k, v, y),
    ):
        for a, b in zip(given, expected, strict=True):
            np.testing.assert_array_equal(a, b)
    with pytest.raises(ValueError, match=r"attention_backward: log_sum_exp has shape \(300,\); expected \(40,\)"):
        F.attention_backward(g, q, k, v, output=y, log_sum_exp=np.zeros(300, np.float32))


PEAK = """
import resource, sys
import numpy as np
from fastdl import functional as F
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
def run(n):
    q = np.random.default_rng(0).standard_normal((n, 8), np.float32)
    F.attention_backward(q, q, q, q, causal=True)
run(300)
before = peak()
run(8192)
print(peak() - before)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no resource module")
def test_memory_grows_with_the_length_only():
    """All weights of 8192 queries and keys would be 256 MiB."""
    done = subprocess.run([sys.executable, "-c", PEAK], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 24 * 2**20


def test_errors_name_the_remedy():
    q, k, v = arrays(np.float32, (2, 4, 5, 3), (2, 2, 6, 3), (2, 2, 6, 7))
    cases = [
        ((q, k[..., :2], v), {}, ValueError, "query and key have 3 and 2 features"),
        ((q, k, v[:, :, 1:]), {}, ValueError, "key and value differ in more than their last axis"),
        ((q[:, :3], k, v), {}, ValueError, "may be a multiple of that of key"),
        ((q[0], k, v), {}, ValueError, "the leading axes of query and key do not fit"),
        ((q[0, 0, 0], k, v), {}, ValueError, r"query has shape \(3,\); expected \(..., length, features\)"),
        ((q, k, v, np.ones((5, 6), int)), {}, TypeError, r"mask has dtype int64; .*mask.astype\(bool\)"),
        ((q, k, v, np.ones((6, 5), bool)), {}, ValueError, r"mask has shape \(6, 5\); .*\(2, 4, 5, 6\)"),
        ((q, k, v, np.ones((3, 2, 4, 5, 6), bool)), {}, ValueError, "mask has shape"),
        ((q, k, v, np.ones((5, 6), np.int64)), {}, TypeError, "mask has dtype int64"),
        ((q, k, v, np.ones((5, 6))), {}, TypeError, "mask has dtype float64 but query has float32"),
        ((q, k, v, [True]), {}, TypeError, "mask is a list"),
        ((q, k, v), {"scale": "1"}, TypeError, "scale is '1'; expected a number"),
        ((q, k, v), {"scale": NAN}, ValueError, "scale is nan; expected a finite number"),
        ((q, k, v), {"causal": 1}, TypeError, "causal is 1; expected True or False"),
        ((q, k, v), {"causal": np.ones((5, 6), bool)}, TypeError, r"causal is an array \(5, 6\); .* is the mask$"),
        ((q, k, v, True), {}, TypeError, "mask is True; expected an array .*, or None; .* give causal=True"),
    ]
    for args, options, error, match in cases:
        with pytest.raises(error, match=f"^attention: .*{match}"):
            F.attention(*args, **options)
    with pytest.raises(TypeError, match=r"attention_backward: grad is a ndarray; with return_weights"):
        F.attention_backward(q, q, k, v, return_weights=True)
    with pytest.raises(ValueError, match="attention_backward: grad holds no gradient"):
        F.attention_backward((None, None), q, k, v, return_weights=True)


@pytest.mark.parametrize("dtype", DTYPES)
def test_against_torch(dtype):
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    for (length, keys), causal, kind in itertools.product(
        [(1, 1), (1, 300), (40, 300), (300, 40)], (False, True), (None, "boolean", "added")
    ):
        if causal and kind:
            continue  # PyTorch takes one of the two
        q, k, v, g, bias = arrays(
            dtype, (2, 4, length, 8), (2, 2, keys, 8), (2, 2, keys, 5), (2, 4, length, 5), (2, 1, length, keys)
        )
        mask = {None: None, "boolean": bias > -1, "added": bias}[kind]
        leaves = [torch.tensor(x, requires_grad=True) for x in (q, k, v)]
        attn_mask = None if mask is None else torch.tensor(mask, requires_grad=kind == "added")
        leaves += [attn_mask] if kind == "added" else []
        theirs = torch.nn.functional.scaled_dot_product_attention(
            *leaves[:3], attn_mask, is_causal=causal, enable_gqa=True
        )
        found = torch.autograd.grad(theirs, leaves, torch.tensor(g))
        tolerance = 100 * np.finfo(dtype).eps
        np.testing.assert_allclose(
            F.attention(q, k, v, mask, causal=causal), theirs.detach(), rtol=tolerance, atol=tolerance
        )
        ours = [x for x in F.attention_backward(g, q, k, v, mask, causal=causal) if x is not None]
        for a, b in zip(ours, found, strict=True):
            np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * max(1, np.abs(b.numpy()).max()))


def test_a_gradient_of_a_gradient_may_be_the_queries_themselves():
    from fastdl.ops import PRIMITIVES

    q, k, v, g, hk = arrays(np.float64, (4, 3), (6, 3), (6, 2), (4, 2), (6, 3))
    options = {"causal": False, "scale": 0.7}
    inputs = g, q, k, v, None, *PRIMITIVES["attention"](q, k, v, None, **options)
    ours = PRIMITIVES["attention_grad"].vjp((q, hk, None), inputs, (None,) * 3, **options)
    theirs = PRIMITIVES["attention_grad"].vjp((q.copy(), hk, None), inputs, (None,) * 3, **options)
    for a, b in zip(ours[:3], theirs[:3], strict=True):
        np.testing.assert_array_equal(a, b)
