"""Steps of one training run, over the ends of its epochs: nothing but a few numbers changes between two of them.

A *record* of 64-bit integers (``records.py`` names them) says how far the run is. ``networks.py`` begins and ends the
epochs of many networks by the same two functions.
"""

from .block import address, call, integer, integers, integers_at, shift, stack_integers
from .compiler import inline
from .records import (
    COUNT,
    EPOCH,
    FULL,
    FULL_STEPS,
    ORDER,
    POSITION,
    REST,
    ROWS,
    SHUFFLED,
    STEP,
    STEPS,
    SUMS,
    TOTAL,
    TOTALS,
)
from .words import BLOCK_STATUS


@inline
def begin(record):  # type: ignore[no-untyped-def]
    """Start an epoch: all counters at 0 (of reals, too, the bits)."""
    integers_at(record[POSITION])[0] = 0
    for k in range(TOTALS):
        if record[TOTAL + k] != 0:
            integers_at(record[TOTAL + k])[0] = 0


@inline
def end(record):  # type: ignore[no-untyped-def]
    """Note the totals of an epoch, as the bits of reals."""
    sums = shift(integers_at(record[SUMS]), TOTALS * record[EPOCH])
    for k in range(TOTALS):
        if record[TOTAL + k] != 0:
            sums[k] = integers_at(record[TOTAL + k])[0]
    record[EPOCH] += 1
    record[STEP] = 0


@inline
def _put_in_order(record, state, shuffle, task):  # type: ignore[no-untyped-def]
    if record[SHUFFLED] and state[1] != record[EPOCH]:
        task[0], task[1], task[2] = record[ORDER], record[ROWS], address(shift(record, COUNT))
        call(shuffle, address(task), 0, 1, 0)
        state[1] = record[EPOCH]


def train(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """So many steps; an epoch ends when a step of the next one is to be done. One cell.

    Slots: 0 the record, in which FULL and REST are the driver's blocks and ORDER is the address of the order; 1 how
    many steps are left, and the epoch that the order is of; 2 ``walk``, 3 ``shuffle``.
    """
    record, state, walk, shuffle = integers(args, 0), integers(args, 1), integer(args, 2), integer(args, 3)
    task = stack_integers(args, 3)
    _put_in_order(record, state, shuffle, task)
    while state[0] > 0:
        if record[STEP] == record[STEPS]:
            end(record)
            begin(record)
            _put_in_order(record, state, shuffle, task)
        full = record[STEP] < record[FULL_STEPS]
        steps = min(state[0], record[FULL_STEPS] - record[STEP]) if full else 1
        block = integers_at(record[FULL] if full else record[REST])
        block[BLOCK_STATUS] = 0
        call(walk, address(block), 0, steps, 0)
        if block[BLOCK_STATUS] != 0:
            break
        record[STEP] += steps
        state[0] -= steps
