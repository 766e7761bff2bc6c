"""The losses of ``narrow.py`` and their gradients, with samples on the lanes.

Letters as there: N samples, P, C outputs y of the network, t targets, d the gradient with respect to y, w the weight of
a sample. A loss is the sum over the samples of w l / N, with one target for each output divided by N C.
"""

from . import losses as formulas
from . import vector_math as vm
from .block import integer, integers, number, pointer, real, rolled, shift, stack
from .compiler import in_order, inline
from .vector_exp import exp
from .vector_squashing import logits_loss, logits_slope
from .vectors import first, larger, load, spread, store, total, width

LOGITS, MSE, MAE, HUBER, HINGE, BCE = range(6)  # codes of the losses with a target for each output

_mae, _mae_slope = in_order(lambda args, p, t, d: abs(p - t)), in_order(formulas._mae_slope)
_huber, _huber_slope = in_order(formulas._huber), in_order(formulas._huber_slope)
_hinge, _hinge_slope = in_order(formulas._hinge), in_order(formulas._hinge_slope)
_bce, _bce_slope = in_order(formulas._bce), in_order(formulas._bce_slope)


@inline
def _by_number(args, code, losses, slopes, x, t):  # type: ignore[no-untyped-def]
    """A vector of losses and of their slopes, by the formulas for single numbers."""
    d = real(args, 14)
    if code == MAE:
        for j in range(width(x)):
            losses[j], slopes[j] = _mae(args, x[j], t[j], d), _mae_slope(args, x[j], t[j], d)
    elif code == HUBER:
        for j in range(width(x)):
            losses[j], slopes[j] = _huber(args, x[j], t[j], d), _huber_slope(args, x[j], t[j], d)
    elif code == HINGE:
        for j in range(width(x)):
            losses[j], slopes[j] = _hinge(args, x[j], t[j], d), _hinge_slope(args, x[j], t[j], d)
    else:
        for j in range(width(x)):
            losses[j], slopes[j] = _bce(args, x[j], t[j], d), _bce_slope(args, x[j], t[j], d)


@inline
def _among(vector, room, count):  # type: ignore[no-untyped-def]
    """The first ``count`` lanes, zeros in the others."""
    store(room, vector)
    return first(room, count)


@inline
def loss_of_each(args, d, y, outputs, samples, lanes):  # type: ignore[no-untyped-def]
    """The loss and d, for losses with a target for each output. Slots: those of ``narrow.step``."""
    targets, code, n = pointer(args, 9), integer(args, 13), width(d)
    losses, slopes = stack(args, 16), stack(args, 16)
    weighted, weights = integer(args, 10) != 0, pointer(args, 10)
    scale = spread(number(args, (2 if code == MSE else 1) / (samples * outputs)))
    s = spread(number(args, 0))
    for c in range(outputs):
        rolled()
        for v in range(0, lanes, n):
            rolled()
            i = c * lanes + v
            x, t = load(shift(y, i)), load(shift(targets, i))
            loss, slope = x, x
            if code == LOGITS:
                loss, slope = logits_loss(x, t), logits_slope(x, t)
            elif code == MSE:
                slope = x - t
                loss = slope * slope
            else:
                _by_number(args, code, losses, slopes, shift(y, i), shift(targets, i))
                loss, slope = load(losses), load(slopes)
            slope = slope * scale
            if weighted:
                w = load(shift(weights, v))
                loss, slope = loss * w, slope * w
            if samples - v < n:
                loss = _among(loss, losses, samples - v)
            s = s + loss
            store(shift(d, i), slope)
    pointer(args, 0)[0] = number(args, total(s) / (samples * outputs))


@inline
def class_loss(args, d, y, classes, samples, lanes):  # type: ignore[no-untyped-def]
    """The loss and d of softmax and cross-entropy: l = log(sum of e**y) - y[t], d = (softmax(y) - [t]) w / N.

    Slots: those of ``narrow.step``.
    """
    targets, n = integers(args, 9), width(d)
    weighted, weights = integer(args, 10) != 0, pointer(args, 10)
    room, right = stack(args, 16), stack(args, 16)
    scale, s = spread(number(args, 1 / samples)), spread(number(args, 0))
    for v in range(0, lanes, n):
        rolled()
        p, q, count = shift(y, v), shift(d, v), min(n, samples - v)
        top = load(p)
        for c in range(1, classes):
            rolled()
            top = larger(load(shift(p, c * lanes)), top)  # passes over NaN, which the powers keep
        powers = spread(number(args, 0))
        for c in range(classes):
            rolled()
            e = exp(load(shift(p, c * lanes)) - top)
            store(shift(q, c * lanes), e)
            powers = powers + e
        store(room, powers)
        for j in range(n):
            room[j] = vm.log(room[j])
        for j in range(n):
            k = targets[v + min(j, count - 1)]
            if k < 0 or k >= classes:
                integers(args, 16)[0] = integer(args, 17)
                k = 0
            right[j] = p[k * lanes + j]
        loss, share = load(room) + (top - load(right)), scale
        if weighted:
            w = load(shift(weights, v))
            loss, share = loss * w, scale * w
        factor = share / powers
        for c in range(classes):
            rolled()
            store(shift(q, c * lanes), load(shift(q, c * lanes)) * factor)
        store(room, share)
        for j in range(count):
            rolled()
            k = targets[v + j]
            q[(k if 0 <= k < classes else 0) * lanes + j] -= room[j]
        if count < n:
            loss = _among(loss, room, count)
        s = s + loss
    pointer(args, 0)[0] = number(args, total(s) / samples)
