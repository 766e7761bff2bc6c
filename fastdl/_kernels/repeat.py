"""A call like an earlier one, as a C function that the interpreter calls: found, its results made, and run in one go.

A small call takes tens of nanoseconds of arithmetic. To find its program, make its results and fill the driver's block
takes fifty times as long in Python, and more where other code was in the caches. ``call`` does all that. What it needs
of Python, objects and functions of its stable interface, it finds in a table that ``repeats.py`` fills, by address;
``words.py`` says where everything is. Integers here are such addresses, except where the names say otherwise.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from . import words as w
from .block import INT64, address, integers_at, shift, stack_integers
from .block import call as run_kernel
from .compiler import inline
from .launches import ARENA_BASE, BLOCKS_BASE, FIRST_FREE_BASE, STATUS_BASE
from .words import MOST_ARRAYS, MOST_BLOCK


@intrinsic  # type: ignore[untyped-decorator]
def ask(typing_context: Any, function: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
    """Call the interpreter's function at an address, which may have fewer arguments: those behind are ignored."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        kind = ir.FunctionType(INT64, [INT64] * 4)
        return builder.call(builder.inttoptr(values[0], kind.as_pointer()), list(values[1:]))

    return types.intp(*[types.intp] * 5), codegen


@inline
def _own(place):  # type: ignore[no-untyped-def]
    """What stands behind the head of an object."""
    return integers_at(place + w.HEAD)


@inline
def _type(place):  # type: ignore[no-untyped-def]
    return integers_at(place + w.TYPE)[0]


@inline
def _hash(table, owner, given, places, names):  # type: ignore[no-untyped-def]
    """Of shapes, dtypes and types; 0 if an array does not lie as kernels read it."""
    h = owner + names
    for i in range(places + names):
        kind = _type(given[i])
        if kind != table[w.ARRAY]:
            h = (h ^ kind) * w.FACTOR
        else:
            array = _own(given[i])
            if array[w.FLAGS] & w.FIT != w.FIT:
                return 0
            shape, dimensions = integers_at(array[w.DIMENSIONS]), array[w.NDIM] & 0xFFFFFFFF
            h = (h ^ array[w.DTYPE] ^ dimensions) * w.FACTOR
            for axis in range(dimensions):
                h = (h ^ shape[axis]) * w.FACTOR
    return h


@inline
def _arguments_agree(table, record, given, count):  # type: ignore[no-untyped-def]
    """Where the results stand in the record if the arguments are those of it, 0 if not, -1 if Python raised."""
    at = w.KEY + record[w.NAMES]
    for i in range(count):
        x = given[i]
        if _type(x) != record[at]:
            return 0
        if record[at] == table[w.ARRAY]:
            array = _own(x)
            shape, dimensions = integers_at(array[w.DIMENSIONS]), array[w.NDIM] & 0xFFFFFFFF
            if array[w.DTYPE] != record[at + 1] or dimensions != record[at + 2]:
                return 0
            at += 3
            for axis in range(dimensions):
                if shape[axis] != record[at + axis]:
                    return 0
            at += dimensions
        else:
            if x != record[at + 1]:
                if record[at] == table[w.FLOAT]:
                    if _own(x)[0] != _own(record[at + 1])[0]:  # by their bits: 0.0 is not -0.0
                        return 0
                else:
                    equal = ask(table[w.EQUAL], x, record[at + 1], 2, 0) & 0xFFFFFFFF  # 2: Py_EQ
                    if equal != 1:
                        return -1 if equal > 1 else 0
            at += 2
    return at


@inline
def _names_agree(table, record, names, count):  # type: ignore[no-untyped-def]
    if count:
        given = integers_at(names + table[w.ITEMS])
        for i in range(count):
            if given[i] != record[w.KEY + i]:
                return False
    return True


@inline
def _now(table):  # type: ignore[no-untyped-def]
    """Nanoseconds of the clock that ``threads.py`` goes by."""
    reading = ask(table[w.CALL], table[w.CLOCK], 0, 0, 0)
    if reading == 0:  # no memory for a number
        ask(table[w.CLEAR], 0, 0, 0, 0)
        return 0
    nanoseconds = ask(table[w.NUMBER], reading, 0, 0, 0)
    ask(table[w.DECREASE], reading, 0, 0, 0)
    return nanoseconds


@inline
def _threads(table):  # type: ignore[no-untyped-def]
    """How many threads compute: ``threads.get_num_threads``."""
    chosen = stack_integers(0, 1)
    chosen[0] = 0
    ask(table[w.VARIABLE], table[w.CHOSEN], 0, address(chosen), 0)
    count = integers_at(table[w.SHARED])[w.DEFAULT]
    if chosen[0] == 0:
        ask(table[w.CLEAR], 0, 0, 0, 0)
        return count
    if chosen[0] != table[w.NONE]:
        count = ask(table[w.NUMBER], chosen[0], 0, 0, 0)
    ask(table[w.DECREASE], chosen[0], 0, 0, 0)
    return count


@inline
def _drive(table, record, arrays, status):  # type: ignore[no-untyped-def]
    """Call the driver. What a kernel reported comes to ``status``, and behind it how long it took if it was held up.

    False if it takes Python to do it: to start the pool, to find an arena, or after a stall.
    """
    threads, shared, start = record[w.PARTS], integers_at(table[w.SHARED]), 0
    if threads > 1:
        threads = 1 if shared[w.POOL] < 0 else min(threads, _threads(table))
        if threads > 1:
            start = _now(table)
            if shared[w.POOL] == 0 or start < shared[w.ALONE_UNTIL] or integers_at(record[w.PACE])[0] == 0:
                return False
    memory, parked = 0, integers_at(record[w.ARENA])
    if record[w.ARENA]:
        memory = parked[0]
        if memory == 0:
            return False
        parked[0] = 0
    _fill_and_run(table, record, arrays, threads, memory, status)
    if record[w.ARENA]:
        parked[0] = memory
    if start and status[0] == 0:
        took, pace = _now(table) - start, integers_at(record[w.PACE])
        if took > w.SLOW * pace[0] + w.STALL:
            status[1] = took
        pace[0] = max(1, min(pace[0], took))
    return True


@inline
def _fill_and_run(table, record, arrays, threads, memory, status):  # type: ignore[no-untyped-def]
    block, template = stack_integers(0, MOST_BLOCK), integers_at(record[w.TEMPLATE])
    bases = record[w.BASES]
    for i in range(w.BLOCK_BASES + FIRST_FREE_BASE):
        block[i] = template[i]
    place = address(block)
    base_place, status_place = place + 8 * w.BLOCK_BASES, place + 8 * w.BLOCK_STATUS
    blocks_place = base_place + 8 * bases
    block[w.BASES_AT], block[w.BLOCKS_AT], block[w.STATUS_AT] = base_place, blocks_place, status_place
    block[w.BLOCK_BASES + STATUS_BASE], block[w.BLOCK_BASES + BLOCKS_BASE] = status_place, blocks_place
    block[w.BLOCK_BASES + ARENA_BASE] = memory
    block[w.THREADS], block[w.THREADS + 1], block[w.THREADS + 2] = (
        threads,
        table[w.TASK],
        integers_at(table[w.SHARED])[w.POOL],
    )
    for i in range(bases - FIRST_FREE_BASE):
        x = arrays[i]
        block[w.BLOCK_BASES + FIRST_FREE_BASE + i] = 0 if x == table[w.NONE] else _own(x)[w.DATA]
    if record[w.LONG]:
        thread = ask(table[w.LET_GO], 0, 0, 0, 0)
        run_kernel(table[w.DRIVER], place, 0, 1, 0)
        ask(table[w.TAKE_UP], thread, 0, 0, 0)
    else:
        run_kernel(table[w.DRIVER], place, 0, 1, 0)
    status[0] = block[w.BLOCK_STATUS]


@inline
def _run(table, record, arrays, count):  # type: ignore[no-untyped-def]
    """Whether all went well; else Python has an exception to raise."""
    status = stack_integers(0, 2)
    status[0], status[1] = 0, 0
    if record[w.PARTS] and _drive(table, record, arrays, status):
        if status[0] == 0 and status[1] == 0:
            return True
        told = record[w.FAIL] if status[0] else record[w.HELD_UP]
        status[0] = ask(table[w.INTEGER], status[0] + status[1], 0, 0, 0)  # one of them is 0
        if status[0] == 0:
            return False
        done = ask(table[w.CALL], told, address(status), 1, 0)
        ask(table[w.DECREASE], status[0], 0, 0, 0)
    else:
        done = ask(table[w.CALL], record[w.RUN], address(arrays), count, 0)
    if done:
        ask(table[w.DECREASE], done, 0, 0, 0)
    return done != 0


@inline
def _results(table, record, at, arrays, results):  # type: ignore[no-untyped-def]
    """A tuple of fresh arrays, which are put behind the arguments; 0 if Python raised."""
    made = ask(table[w.TUPLE], results, 0, 0, 0)
    if made:
        items = integers_at(made + table[w.ITEMS])
        for i in range(results):
            array = ask(table[w.CALL], record[at], address(shift(record, at + 1)), 2, 0)
            if array == 0:
                ask(table[w.DECREASE], made, 0, 0, 0)
                return 0
            items[i] = arrays[i] = array
            at += 3
    return made


def call(owner, arguments, places, names):  # type: ignore[no-untyped-def]
    """The results as a tuple, or None if there was no such call. METH_FASTCALL | METH_KEYWORDS of Python's interface:
    ``places`` arguments by position, then those whose ``names`` are in a tuple (or 0)."""
    table, given = integers_at(_own(owner)[0]), integers_at(arguments)
    count = 0
    if names:
        count = _own(names)[0]
    h = 0
    if _own(table[w.CHECKING])[0] == 0:
        h = _hash(table, owner, given, places, count)
    at, found, keeper, before = 0, 0, 0, table[w.FORGOTTEN]
    if h:
        found = table[w.BUCKETS + (h >> 40 & w.BUCKET_COUNT - 1)]
    while found:
        record = integers_at(found)
        if record[w.HASH] == h and record[w.OWNER] == owner and record[w.PLACES] == places:
            if record[w.NAMES] == count and _names_agree(table, record, names, count):
                keeper = record[w.KEEPER]
                # What compares options, or makes an array, may run any Python, which may forget this record.
                ask(table[w.INCREASE], keeper, 0, 0, 0)
                at = _arguments_agree(table, record, given, places + count)
                if at > 0:
                    break
                found = 0 if at < 0 or table[w.FORGOTTEN] != before else record[w.NEXT]
                ask(table[w.DECREASE], keeper, 0, 0, 0)
                if at < 0:
                    return 0
                continue
        found = record[w.NEXT]
    if found == 0:
        ask(table[w.INCREASE], table[w.NONE], 0, 0, 0)
        return table[w.NONE]
    arrays = stack_integers(0, MOST_ARRAYS)
    for i in range(places):
        arrays[i] = given[i]
    made = _results(table, record, at, shift(arrays, places), record[w.RESULTS])
    if made and not _run(table, record, arrays, places + record[w.RESULTS]):
        ask(table[w.DECREASE], made, 0, 0, 0)
        made = 0
    ask(table[w.DECREASE], keeper, 0, 0, 0)
    return made
