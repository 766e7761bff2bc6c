"""Many networks trained side by side: a job is some steps of one network, and whoever is free takes the next job.

A network is a *record* of 64-bit integers (``records.py`` names them): which plan it runs, how far it is, where its
memory lies. A plan is what the driver's block begins with, shared by all networks of one structure; each worker has a
block of its own, into which a network's addresses are copied before ``walk`` runs its steps on one thread. So a network
costs its record and its numbers, and which worker runs it does not matter to what it computes.

The order of an epoch follows from its number and the network's seed, so it is made where it is needed, in the worker's
memory, again if a network goes on in the middle of an epoch.
"""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .block import INT64, address, call, integer, integers, integers_at, shift, stack_integers
from .compiler import inline
from .epochs import begin, end
from .launches import CONSTANT_BASE, FIRST_FREE_BASE
from .records import (
    ARRAYS,
    BASES,
    CAPTURED,
    CAPTURED_AT,
    CONSTANTS,
    COUNT,
    EPOCH,
    FULL,
    FULL_STEPS,
    HEADER,
    ORDER,
    PLAN,
    PLAN_FIELDS,
    REST,
    ROWS,
    SHUFFLED,
    STATUS,
    STEP,
    STEPS,
    STOP,
)
from .words import BLOCK_BASES, BLOCK_STATUS


@intrinsic
def take(typing_context, counter):  # type: ignore[no-untyped-def]
    """The number at ``counter``, which becomes one more before anyone else reads it."""

    def codegen(context, builder, signature, values):  # type: ignore[no-untyped-def]
        return builder.atomic_rmw("add", values[0], ir.Constant(INT64, 1), "monotonic")

    return types.int64(counter), codegen


@inline
def _load(block, plan, record, order):  # type: ignore[no-untyped-def]
    """Make a worker's block that of a plan on a network's memory."""
    for k in range(HEADER):
        block[k] = plan[k]
    block[BLOCK_STATUS] = 0
    bases = shift(block, BLOCK_BASES)
    bases[CONSTANT_BASE] = plan[CONSTANTS]
    external, arrays = shift(bases, FIRST_FREE_BASE), plan[ARRAYS]
    for k in range(arrays):
        external[k] = record[BASES + k]
    if record[SHUFFLED]:
        external[record[ORDER]] = order
    captured = integers_at(plan[CAPTURED_AT])
    for k in range(plan[CAPTURED]):
        external[arrays + k] = captured[k]


def train(args, lo, hi, worker):  # type: ignore[no-untyped-def]
    """Workers ``lo..hi``, each of which takes jobs until there are none.

    Slots: 0 the next job and how many there are, 1 jobs: network and steps of each, 2 records and 3 numbers of one,
    4 plans, 5 of each worker: its block, its order, and which network's and epoch's that is, 6 ``walk``, 7 ``shuffle``.
    """
    state, jobs, records, fields = integers(args, 0), integers(args, 1), integers(args, 2), integer(args, 3)
    plans, walk, shuffle = integers(args, 4), integer(args, 6), integer(args, 7)
    task = stack_integers(args, 3)
    for who in range(lo, hi):
        mine = shift(integers(args, 5), 4 * who)
        block, order = integers_at(mine[0]), mine[1]
        job = take(state)
        while job < state[1]:
            network, left = jobs[2 * job], jobs[2 * job + 1]
            record = shift(records, network * fields)
            while left > 0 and record[STATUS] == 0 and record[EPOCH] < record[STOP]:
                if record[STEP] == 0:
                    begin(record)
                if record[SHUFFLED] and (mine[2] != network or mine[3] != record[EPOCH]):
                    task[0], task[1], task[2] = order, record[ROWS], address(shift(record, COUNT))
                    call(shuffle, address(task), 0, 1, 0)
                    mine[2], mine[3] = network, record[EPOCH]
                full = record[STEP] < record[FULL_STEPS]
                steps = min(left, record[FULL_STEPS] - record[STEP]) if full else 1
                number = record[FULL] if full else record[REST]
                _load(block, shift(plans, number * PLAN_FIELDS), record, order)
                call(walk, address(block), 0, steps, 0)
                if block[BLOCK_STATUS] != 0:
                    record[STATUS], record[PLAN] = block[BLOCK_STATUS], number
                else:
                    record[STEP] += steps
                    left -= steps
                    if record[STEP] == record[STEPS]:
                        end(record)
            job = take(state)
