"""Learning rates that change from step to step. A schedule is given to an optimiser in place of a number.

Steps are updates of the parameters, not epochs: ``steps = epochs * ceil(samples / batch_size)``. A schedule is a table
of pieces (see ``functional/schedules.py``), so it runs inside a plan at no cost.

    optimizer = optim.Adam(optim.warmup(optim.cosine_decay(1e-3, 5000), 200))
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..functional.schedules import COSINE, LINEAR, STAIRCASE, Piece, scheduled_rate
from ..naming import named
from ..options import is_integer, number


class Schedule:
    """The learning rate as a function of the step: ``schedule(step)``, steps counted from 0."""

    def __init__(self, text: str, pieces: tuple[Piece, ...]) -> None:
        self._text, self.pieces = text, pieces

    def __call__(self, step: int) -> float:
        """The rate at a step."""
        if not is_integer(step):
            raise TypeError(f"{self!r}: step is {step!r}; expected an integer")
        if step < 0:
            raise ValueError(f"{self!r}: step is {step}; expected at least 0")
        return float(self.at(np.asarray(step, np.int64)))

    def at(self, step: Any) -> Any:
        """The rate, float64 of shape (), at ``step``, an int64 array or recorded tensor of shape ()."""
        return scheduled_rate(step, self.pieces)

    def __repr__(self) -> str:
        return self._text


def _rate(caller: str, name: str, value: Any) -> float:
    return number(caller, name, value, least=0.0)


def _count(caller: str, name: str, value: Any, least: int = 1) -> int:
    if not is_integer(value):
        raise TypeError(f"{caller}: {name} is {value!r}; expected an integer number of steps")
    if value < least:
        raise ValueError(f"{caller}: {name} is {value}; expected at least {least}")
    return int(value)


@named
def step_decay(lr: float, every: int, factor: float = 0.1) -> Schedule:
    """lr factor^floor(step / every): ``torch.optim.lr_scheduler.StepLR``.

    >>> schedule = step_decay(0.5, every=100)
    >>> schedule(99), round(schedule(100), 6)
    (0.5, 0.05)
    """
    name = "step_decay"
    lr, factor, every = _rate(name, "lr", lr), _rate(name, "factor", factor), _count(name, "every", every)
    return Schedule(f"{name}({lr!r}, every={every}, factor={factor!r})", (Piece(0, every, lr, factor, STAIRCASE),))


@named
def exponential_decay(lr: float, factor: float) -> Schedule:
    """lr factor^step: ``torch.optim.lr_scheduler.ExponentialLR``.

    >>> round(exponential_decay(0.5, 0.9)(2), 6)
    0.405
    """
    name = "exponential_decay"
    lr, factor = _rate(name, "lr", lr), _rate(name, "factor", factor)
    return Schedule(f"{name}({lr!r}, {factor!r})", (Piece(0, 1, lr, factor, STAIRCASE),))


@named
def linear_decay(lr: float, steps: int, final: float = 0.0) -> Schedule:
    """From lr at step 0 along a line to ``final`` at step ``steps``, and ``final`` from then on.

    >>> schedule = linear_decay(0.5, 100)
    >>> schedule(50), schedule(200)
    (0.25, 0.0)
    """
    name = "linear_decay"
    lr, final, steps = _rate(name, "lr", lr), _rate(name, "final", final), _count(name, "steps", steps)
    return Schedule(f"{name}({lr!r}, steps={steps}, final={final!r})", (Piece(0, steps, lr, final, LINEAR),))


@named
def cosine_decay(lr: float, steps: int, final: float = 0.0) -> Schedule:
    """final + (lr - final) (1 + cos(pi step / steps)) / 2, and ``final`` after ``steps``.

    Equivalent to ``torch.optim.lr_scheduler.CosineAnnealingLR`` up to ``steps``.
    Source: Loshchilov and Hutter, SGDR: stochastic gradient descent with warm restarts (2017), equation 5.

    >>> schedule = cosine_decay(0.5, 100)
    >>> schedule(0), round(schedule(50), 6), schedule(200)
    (0.5, 0.25, 0.0)
    """
    name = "cosine_decay"
    lr, final, steps = _rate(name, "lr", lr), _rate(name, "final", final), _count(name, "steps", steps)
    return Schedule(f"{name}({lr!r}, steps={steps}, final={final!r})", (Piece(0, steps, lr, final, COSINE),))


@named
def warmup(lr: float | Schedule, steps: int) -> Schedule:
    """Rise along a line to ``lr`` during the first ``steps``, then ``lr``: a number, or a schedule that begins there.

    At step t < steps the rate is (t + 1) / (steps + 1) of the first one that follows.
    Source: Goyal et al., Accurate, large minibatch SGD (2017), section 2.2.

    >>> schedule = warmup(cosine_decay(0.5, 100), 4)
    >>> [round(schedule(t), 6) for t in (0, 3, 4, 54)]
    [0.1, 0.4, 0.5, 0.25]
    """
    steps = _count("warmup", "steps", steps)
    if isinstance(lr, Schedule):
        later, peak = lr.pieces, lr(0)
    else:
        peak = _rate("warmup", "lr", lr)
        later = (Piece(0, 1, peak, peak, LINEAR),)
    rise = Piece(0, steps, peak / (steps + 1), peak, LINEAR)
    shifted = [piece._replace(start=piece.start + steps) for piece in later]
    return Schedule(f"warmup({lr!r}, steps={steps})", (rise, *shifted))


@named
def one_cycle(peak: float, steps: int, *, rise: float = 0.3, start: float = 25.0, end: float = 1e4) -> Schedule:
    """From peak / start up to peak in the part ``rise`` of the steps, then down to peak / start / end, along cosines.

    Equivalent to ``torch.optim.lr_scheduler.OneCycleLR`` (pct_start, div_factor, final_div_factor) without its cycle
    of the momentum. Source: Smith and Topin, Super-convergence (2018).

    >>> schedule = one_cycle(1.0, 100)
    >>> schedule(0), schedule(29), round(schedule(99), 9)
    (0.04, 1.0, 4e-06)
    """
    name = "one_cycle"
    peak, steps = _rate(name, "peak", peak), _count(name, "steps", steps, least=2)
    if not 0 < _rate(name, "rise", rise) * steps - 1 < steps - 1:
        raise ValueError(f"{name}: rise is {rise}; expected less than 1, and more than one of the {steps} steps")
    for what, value in (("start", start), ("end", end)):
        if _rate(name, what, value) == 0:
            raise ValueError(f"{name}: {what} is 0; expected what the peak is divided by, usually 25 and 10000")
    top, low = rise * steps - 1, peak / start
    pieces = Piece(0, top, low, peak, COSINE), Piece(top, steps - 1 - top, peak, low / end, COSINE)
    return Schedule(f"{name}({peak!r}, steps={steps}, rise={rise!r}, start={start!r}, end={end!r})", pieces)


@named
def piecewise_constant(rates: Mapping[int, float]) -> Schedule:
    """The rate from each named step on: ``{0: 0.1, 1000: 0.01}``.

    >>> schedule = piecewise_constant({0: 0.1, 1000: 0.01})
    >>> schedule(999), schedule(1000)
    (0.1, 0.01)
    """
    name = "piecewise_constant"
    if not isinstance(rates, Mapping) or 0 not in rates:
        raise ValueError(f"{name}: rates is {rates!r}; expected a dict from steps to rates with the step 0")
    checked = {_count(name, "a step", step, least=0): _rate(name, "a rate", rate) for step, rate in rates.items()}
    ordered = dict(sorted(checked.items()))
    pieces = tuple(Piece(step, 1, rate, rate, LINEAR) for step, rate in ordered.items())
    return Schedule(f"{name}({ordered!r})", pieces)
