"""A training step of a narrow dense chain in one launch: forward, loss and all gradients, with samples on the lanes.

Networks of a few neurons are bound by what surrounds their arithmetic: a step was 12 to 30 launches, whose loops were
shorter than a vector. Here every neuron is a row of P samples, N rounded up to full vectors, in a scratch of a few
kilobytes; widths, depth and activations are read from a table, so a new network needs no compilation.

Letters: N samples, P as above, x the inputs of a layer, y its outputs, W (O, I) its weight, d the gradient of the loss
with respect to its sums. What the lanes behind N hold is a copy of the last sample going forward; where samples are
summed up they are left out.

The table has a row of ``FIELDS`` integers for each layer: I, O, places of W and of the bias (or -1) among the
parameters, places of x, of the sums and of y in the scratch, code of the activation, and for those without a code
of their own the kernels of the activation and of its gradient and three options.
"""

from .block import address, call, integer, integers, number, pointer, rolled, shift, stack, stack_integers
from .compiler import inline
from .narrow_losses import class_loss, loss_of_each
from .vector_squashing import sigmoid, tanh
from .vector_totals import totals
from .vectors import first, fma, larger, load, put_first, spread, store, where_at_most, width

FIELDS = 13
IDENTITY, RELU, TANH, SIGMOID, CALLED = range(5)  # codes of activations
TILE = 128  # vectors of products that wait for their totals


@inline
def _combine_two(args, to, source, rows, terms, w, stride, step, bias, biased, lanes):  # type: ignore[no-untyped-def]
    """Two vectors of :func:`_combine`, two rows at a time."""
    n, pairs = width(to), rows & -2
    for r in range(0, pairs, 2):
        rolled()
        p, u, t = source, shift(w, r * stride), shift(w, (r + 1) * stride)
        a0 = spread(bias[r] if biased else number(args, 0))
        b0 = spread(bias[r + 1] if biased else number(args, 0))
        a1, b1 = a0, b0
        for _ in range(terms):
            rolled()
            x0, x1, c, e = load(p), load(shift(p, n)), spread(u[0]), spread(t[0])
            a0, a1, b0, b1 = fma(c, x0, a0), fma(c, x1, a1), fma(e, x0, b0), fma(e, x1, b1)
            p, u, t = shift(p, lanes), shift(u, step), shift(t, step)
        q = shift(to, r * lanes)
        store(q, a0)
        store(shift(q, n), a1)
        store(shift(q, lanes), b0)
        store(shift(q, lanes + n), b1)
    if pairs < rows:
        p, u = source, shift(w, pairs * stride)
        a0 = spread(bias[pairs] if biased else number(args, 0))
        a1 = a0
        for _ in range(terms):
            rolled()
            c = spread(u[0])
            a0, a1 = fma(c, load(p), a0), fma(c, load(shift(p, n)), a1)
            p, u = shift(p, lanes), shift(u, step)
        q = shift(to, pairs * lanes)
        store(q, a0)
        store(shift(q, n), a1)


@inline
def _combine_one(args, to, source, rows, terms, w, stride, step, bias, biased, lanes):  # type: ignore[no-untyped-def]
    """One vector of :func:`_combine`, four rows at a time."""
    fours = rows & -4
    for r in range(0, fours, 4):
        rolled()
        p, c, e = source, shift(w, r * stride), shift(w, (r + 2) * stride)
        a0 = spread(bias[r] if biased else number(args, 0))
        a1 = spread(bias[r + 1] if biased else number(args, 0))
        a2 = spread(bias[r + 2] if biased else number(args, 0))
        a3 = spread(bias[r + 3] if biased else number(args, 0))
        for _ in range(terms):
            rolled()
            x = load(p)
            a0, a1 = fma(spread(c[0]), x, a0), fma(spread(c[stride]), x, a1)
            a2, a3 = fma(spread(e[0]), x, a2), fma(spread(e[stride]), x, a3)
            p, c, e = shift(p, lanes), shift(c, step), shift(e, step)
        q = shift(to, r * lanes)
        store(q, a0)
        store(shift(q, lanes), a1)
        store(shift(q, 2 * lanes), a2)
        store(shift(q, 3 * lanes), a3)
    for r in range(fours, rows):
        rolled()
        p, c, a = source, shift(w, r * stride), spread(bias[r] if biased else number(args, 0))
        for _ in range(terms):
            rolled()
            a = fma(spread(c[0]), load(p), a)
            p, c = shift(p, lanes), shift(c, step)
        store(shift(to, r * lanes), a)


@inline
def _combine(args, to, source, rows, terms, w, stride, step, bias, biased, lanes):  # type: ignore[no-untyped-def]
    """to[r] = bias[r] + sum over k of w[r stride + k step] source[k], for rows of ``lanes`` samples."""
    n, v = width(to), 0
    while v + 2 * n <= lanes:
        rolled()
        _combine_two(args, shift(to, v), shift(source, v), rows, terms, w, stride, step, bias, biased, lanes)
        v += 2 * n
    if v < lanes:
        _combine_one(args, shift(to, v), shift(source, v), rows, terms, w, stride, step, bias, biased, lanes)


@inline
def _activate(args, y, z, n, row):  # type: ignore[no-untyped-def]
    """y = s(z), n numbers, by the layer's row of the table."""
    code, lanes = row[7], width(y)
    if code == RELU:
        zero = spread(number(args, 0))
        for i in range(0, n, lanes):
            rolled()
            store(shift(y, i), larger(zero, load(shift(z, i))))
    elif code == TANH:
        last = n - n % (2 * lanes)
        for i in range(0, last, 2 * lanes):  # by two, which share what surrounds them
            rolled()
            a, b = tanh(load(shift(z, i))), tanh(load(shift(z, i + lanes)))
            store(shift(y, i), a)
            store(shift(y, i + lanes), b)
        if last < n:
            store(shift(y, last), tanh(load(shift(z, last))))
    elif code == SIGMOID:
        for i in range(0, n, lanes):
            rolled()
            store(shift(y, i), sigmoid(load(shift(z, i))))
    elif code == CALLED:
        block = stack_integers(args, 6)
        block[0], block[1], block[2] = address(y), address(z), n
        block[3], block[4], block[5] = row[10], row[11], row[12]
        call(row[8], address(block), 0, (n + 4095) // 4096, 0)


@inline
def _pull(args, d, v, n, row):  # type: ignore[no-untyped-def]
    """d = d s'(v), n numbers; v is y for the activations that have a code, else z."""
    code, lanes = row[7], width(d)
    one = spread(number(args, 1))
    if code == RELU:
        zero = spread(number(args, 0))
        for i in range(0, n, lanes):
            rolled()
            store(shift(d, i), where_at_most(load(shift(v, i)), zero, zero, load(shift(d, i))))
    elif code == TANH:
        for i in range(0, n, lanes):
            rolled()
            y = load(shift(v, i))
            store(shift(d, i), load(shift(d, i)) * (one - y * y))
    elif code == SIGMOID:
        for i in range(0, n, lanes):
            rolled()
            y = load(shift(v, i))
            store(shift(d, i), load(shift(d, i)) * (y * (one - y)))
    elif code == CALLED:
        block = stack_integers(args, 7)
        block[0], block[1], block[2], block[3] = address(d), address(d), address(v), n
        block[4], block[5], block[6] = row[10], row[11], row[12]
        call(row[9], address(block), 0, (n + 4095) // 4096, 0)


@inline
def _put_totals(to, tile, count):  # type: ignore[no-untyped-def]
    """The totals of the first ``count`` vectors of the tile."""
    lanes = width(to)
    for r in range(0, count, lanes):
        rolled()
        s = totals(shift(tile, r * lanes))
        if count - r >= lanes:
            store(shift(to, r), s)
        else:
            put_first(shift(to, r), s, count - r)


@inline
def _clear_ends(x, rows, samples, lanes):  # type: ignore[no-untyped-def]
    """Zeros behind the last sample, so that sums over full vectors leave out what is no sample."""
    if samples < lanes:
        n = width(x)
        for i in range(rows):
            rolled()
            q = shift(x, (i + 1) * lanes - n)
            store(q, first(q, samples - lanes + n))


@inline
def _products(tile, a, rows, step_a, b, columns, step_b, lanes):  # type: ignore[no-untyped-def]
    """tile[r step_a + c step_b] = sum over the vectors of a[r] b[c]."""
    n, v = width(a), 0
    while v + n < lanes:
        rolled()
        for r in range(rows):
            rolled()
            p, q, t = shift(a, r * lanes + v), shift(b, v), shift(tile, r * step_a * n)
            g0, g1 = load(p), load(shift(p, n))
            if v == 0:
                for _ in range(columns):
                    rolled()
                    store(t, fma(g1, load(shift(q, n)), g0 * load(q)))
                    q, t = shift(q, lanes), shift(t, step_b * n)
            else:
                for _ in range(columns):
                    rolled()
                    store(t, fma(g1, load(shift(q, n)), fma(g0, load(q), load(t))))
                    q, t = shift(q, lanes), shift(t, step_b * n)
        v += 2 * n
    if v < lanes:
        for r in range(rows):
            rolled()
            g, q, t = load(shift(a, r * lanes + v)), shift(b, v), shift(tile, r * step_a * n)
            if v == 0:
                for _ in range(columns):
                    rolled()
                    store(t, g * load(q))
                    q, t = shift(q, lanes), shift(t, step_b * n)
            else:
                for _ in range(columns):
                    rolled()
                    store(t, fma(g, load(q), load(t)))
                    q, t = shift(q, lanes), shift(t, step_b * n)


@inline
def _sums(tile, d, outputs, lanes):  # type: ignore[no-untyped-def]
    """tile[o] = sum over the vectors of d[o]."""
    n = width(d)
    for o in range(outputs):
        rolled()
        p = shift(d, o * lanes)
        a = load(p)
        for v in range(n, lanes, n):
            rolled()
            a = a + load(shift(p, v))
        store(shift(tile, o * n), a)


@inline
def _gradient(grad, row, d, x, lanes, tile):  # type: ignore[no-untyped-def]
    """db[o] = sum over the samples of d[o], dW[o, i] = sum of d[o] x[i]: vectors in the tile, then their totals."""
    inputs, outputs, dw, db = row[0], row[1], row[2], row[3]
    if outputs * (inputs + 1) <= TILE and db + outputs == dw:
        _sums(tile, d, outputs, lanes)
        t = shift(tile, outputs * width(d))
        if outputs <= inputs:
            _products(t, d, outputs, inputs, x, inputs, 1, lanes)
        else:
            _products(t, x, inputs, 1, d, outputs, inputs, lanes)
        _put_totals(shift(grad, db), tile, outputs * (inputs + 1))
    else:
        for o in range(outputs):
            i = 0
            while i < inputs:
                rolled()
                columns = min(TILE, inputs - i)
                _products(tile, shift(d, o * lanes), 1, 0, shift(x, i * lanes), columns, 1, lanes)
                _put_totals(shift(grad, dw + o * inputs + i), tile, columns)
                i += columns
        o = 0
        while o < outputs and db >= 0:
            rolled()
            rows = min(TILE, outputs - o)
            _sums(tile, shift(d, o * lanes), rows, lanes)
            _put_totals(shift(grad, db + o), tile, rows)
            o += rows


def step(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """The loss of a batch and its gradient with respect to the parameters. One cell.

    Slots: 0 loss, 1 gradient, 2 scores (N, C) or null, 3 parameters, 4 scratch, 5 table, 6 layers, 7 N, 8 P, 9 rows of
    targets, or classes (N,), 10 weights of the samples or null, 11 and 12 two arrays for d, 13 code of the loss, 14 its
    number, 15 whether targets are classes, 16 status, 17 what to report of a class that is not there.
    """
    grad, parameters, scratch = pointer(args, 1), pointer(args, 3), pointer(args, 4)
    table, layers, samples, lanes = integers(args, 5), integer(args, 6), integer(args, 7), integer(args, 8)
    d, other = pointer(args, 11), pointer(args, 12)
    tile = stack(args, 2048)  # TILE vectors
    y, outputs = scratch, 0
    for layer in range(layers):
        rolled()
        row = shift(table, layer * FIELDS)
        inputs, outputs, biased = row[0], row[1], row[3] >= 0
        z, y = shift(scratch, row[5]), shift(scratch, row[6])
        w, bias = shift(parameters, row[2]), shift(parameters, max(0, row[3]))
        _combine(args, z, shift(scratch, row[4]), outputs, inputs, w, inputs, 1, bias, biased, lanes)
        _activate(args, y, z, outputs * lanes, row)
    if integer(args, 15) != 0:
        class_loss(args, d, y, outputs, samples, lanes)
    else:
        loss_of_each(args, d, y, outputs, samples, lanes)
    if integer(args, 2) != 0:
        scores = pointer(args, 2)
        for j in range(samples):
            rolled()
            for c in range(outputs):
                rolled()
                scores[j * outputs + c] = y[c * lanes + j]
    for below in range(layers):
        rolled()
        row = shift(table, (layers - 1 - below) * FIELDS)
        inputs, outputs = row[0], row[1]
        v, x = shift(scratch, row[5] if row[7] == CALLED else row[6]), shift(scratch, row[4])
        _pull(args, d, v, outputs * lanes, row)
        _clear_ends(x, inputs, samples, lanes)
        _clear_ends(d, outputs, samples, lanes)
        _gradient(grad, row, d, x, lanes, tile)
        if below + 1 < layers:
            w = shift(parameters, row[2])
            _combine(args, other, d, inputs, outputs, w, 1, inputs, w, False, lanes)
            d, other = other, d
