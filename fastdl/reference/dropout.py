"""Dropout with a counter-based random number: whether an element is kept is a formula of where it stands.

There is no generator whose state would have to be carried along. The element number i of an array (in C
order) has its own random number, computed from (seed, step, node, i), so that the backward pass finds the
mask of the forward pass again without having stored it, and any number of threads draws the same mask. node
tells the dropout layers of a network apart. Letters: x the input, y the output, p the probability to drop,
g the gradient of the loss with respect to y (the argument `grad`).
"""

import operator

from numpy.typing import ArrayLike

from ._arrays import FloatArray, Index, Indices, as_float64, as_grad, evaluate

_WORD = 2**64 - 1  # z & _WORD is z in 64-bit arithmetic that wraps around
_STRIDE = 0x9E3779B97F4A7C15  # 2^64 divided by the golden ratio: consecutive counters end up far apart


def dropout(x: ArrayLike, p: float, *, seed: int, step: int, node: int = 0, at: Indices | None = None) -> FloatArray:
    """Set each element to 0 with probability p, and make up for it by scaling the others.

    y_i = x_i / (1 - p) if u_i >= p, else 0, where u_i in [0, 1) is the random number of element i:
    u_i = floor(mix(key + (i + 1) * 0x9E3779B97F4A7C15) / 2^40) / 2^24, key = mix(mix(mix(seed) + step) + node).
    0 <= p < 1; seed, step and node are integers; x and y have the same shape.

    >>> dropout([1, 2, 3, 4, 5, 6], 0.5, seed=0, step=0).tolist()
    [2.0, 0.0, 0.0, 8.0, 0.0, 0.0]
    """
    values = as_float64("dropout", "x", x)
    if not 0 <= p < 1:
        raise ValueError(f"dropout: p is {p}; expected a probability 0 <= p < 1")
    key = random_key(seed, step, node)
    scale = 1.0 / (1.0 - p)

    def element(index: Index) -> float:
        i = 0  # the number of the element in C order
        for position, size in zip(index, values.shape, strict=True):
            i = i * size + position
        return float(values[index] * scale) if random_number(key, i) >= p else 0.0

    return evaluate(element, values.shape, at)


def dropout_backward(
    grad: ArrayLike, x: ArrayLike, p: float, *, seed: int, step: int, node: int = 0
) -> tuple[FloatArray]:
    """Gradient of dropout.

    In the forward pass this was: y_i = x_i / (1 - p) if u_i >= p, else 0; so now: gx_i = g_i / (1 - p) for
    the same elements, else 0. That is dropout itself, with the same seed, step and node, applied to g.

    >>> dropout_backward([1, 1, 1, 1, 1, 1], [1, 2, 3, 4, 5, 6], 0.5, seed=0, step=0)[0].tolist()
    [2.0, 0.0, 0.0, 2.0, 0.0, 0.0]
    """
    values = as_float64("dropout_backward", "x", x)
    return (dropout(as_grad("dropout", grad, values.shape), p, seed=seed, step=step, node=node),)


def mix(z: int) -> int:
    """Scramble 64 bits so that each bit of the result depends on every bit of z.

    The finalizer of SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators",
    2014, with the constants of Stafford's variant 13).

    >>> mix(1)
    6238072747940578789
    """
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & _WORD
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB & _WORD
    return z ^ (z >> 31)


def random_number(key: int, i: int) -> float:
    """The random number u_i in [0, 1) of element i: a multiple of 2^-24, hence exact in float32 too."""
    return (mix((key + (i + 1) * _STRIDE) & _WORD) >> 40) / 2**24


def random_key(seed: int, step: int, node: int) -> int:
    """What the random numbers of one dropout layer in one training step have in common."""
    try:
        seed, step, node = operator.index(seed), operator.index(step), operator.index(node)
    except TypeError:
        raise ValueError(f"dropout: seed, step, node are {seed}, {step}, {node}; expected integers") from None
    key = mix(seed & _WORD)
    key = mix((key + step) & _WORD)
    return mix((key + node) & _WORD)
