"""Calls that were made before, kept as compiled code finds them: what ``repeat.py`` looks through.

A *caller* is a function of the interpreter made of that code. :func:`learn` tells it of a call: the arguments' shapes,
dtypes and options, and the program that answers them. It answers a call that differs in anything with None. So it does
with all where Python is not laid out as ``words.py`` says: in other interpreters, and in builds without a global lock.
"""

import atexit
import ctypes
import functools
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from ..debugging import ACTIVE
from . import arena, threads
from . import words as w
from .addresses import HEAD, address_of
from .loader import Kernel
from .program import Program

_CALL, _WALK, _TASK = Kernel("repeat", "call"), Kernel("walk", "walk"), Kernel("walk", "task")
_FAST_WITH_KEYWORDS = 0x80 | 0x02  # METH_FASTCALL | METH_KEYWORDS
_LONG_WORK = 5_000  # nanoseconds of a program while which other Python threads may run; to let them costs some 100
_MOST = 1024  # calls that are known: then all are forgotten, and those that are still made are soon learnt again
_MOST_OPTIONS = 8  # sets of options that are known of one function on the same shapes: a slope may be new each time
_clock = time.perf_counter_ns
_OPTIONS = (type(None), bool, int, float, str)  # types of options that compare by value

_Result: TypeAlias = tuple[Callable[..., Any], tuple[tuple[int, ...], np.dtype[Any]]]
_known: dict[Any, "_Keeper"] = {}
_options: dict[Any, int] = {}  # how many sets of them are known
_closed = False  # at the interpreter's exit: records may go before those who would look them up
_lock = threading.RLock()  # re-entrant: the garbage collector may run an op inside
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)


class _Method(ctypes.Structure):
    """Python's PyMethodDef."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


class _Keeper:
    """One call: its record, and all objects whose addresses are in there."""

    def __init__(
        self,
        caller: Any,
        inputs: Sequence[Any],
        options: Mapping[str, Any],
        program: Program,
        results: Sequence[_Result],
    ) -> None:
        owner = id(caller.__self__)
        key, hashed = [id(name) for name in options], [owner + len(options)]
        for x in (*inputs, *options.values()):
            if type(x) is np.ndarray:
                key += [id(np.ndarray), id(x.dtype), x.ndim, *x.shape]
                hashed += [id(x.dtype) ^ x.ndim, *x.shape]
            else:
                key += [id(type(x)), id(x)]
                hashed.append(id(type(x)))
        for new, (shape, dtype) in results:
            key += [id(new), id(shape), id(dtype)]

        def fail(status: int) -> None:
            raise program.failure(status)

        self.template, self.run, self.fail = program.template(), program.run_on, fail
        self.held_up = program.pace.held_up
        self.dtypes = [x.dtype for x in inputs if x is not None]
        self.others = caller, program, results, dict(options)
        driven = len(self.template) + program.slots <= w.MOST_BLOCK and program.arena_bytes <= arena.PARKED_BYTES
        head = [0] * w.KEY
        head[w.HASH], head[w.OWNER], head[w.KEEPER] = _hash(hashed), owner, id(self)
        head[w.PLACES], head[w.NAMES], head[w.RESULTS] = len(inputs), len(options), len(results)
        head[w.RUN], head[w.FAIL], head[w.HELD_UP] = id(self.run), id(self.fail), id(self.held_up)
        head[w.PARTS] = program.most_parts if driven else 0
        head[w.PACE] = program.pace.word.buffer_info()[0]
        head[w.ARENA] = arena.parked(program.arena_bytes) if driven and program.arena_bytes else 0
        head[w.TEMPLATE], head[w.BASES] = address_of(self.template), program.bases
        head[w.LONG] = int(program.work >= _LONG_WORK)
        self.record = np.array([*head, *key], np.int64)


def _hash(numbers: Sequence[int]) -> int:
    """As ``repeat.py`` has it: 64 bits, signed."""
    h, *others = numbers
    for n in others:
        h = ((h ^ n) * w.FACTOR) & 0xFFFFFFFFFFFFFFFF
    return h - (h >> 63 << 64)


def _laid_out_as_expected() -> bool:
    """Whether objects are what ``words.py`` says, as far as can be seen; the rest is NumPy's and Python's promise."""
    if sys.implementation.name != "cpython" or HEAD != w.HEAD:
        return False
    items, number = (np.ndarray, "b", 3), 1.5
    for sized in (items, [*items, 4]):
        if ctypes.c_int64.from_address(id(sized) + HEAD).value != len(sized):
            return False
    places = (ctypes.c_int64 * 3).from_address(id(items) + tuple.__basicsize__)
    if [*places] != [id(item) for item in items] or ctypes.c_double.from_address(id(number) + HEAD).value != number:
        return False
    for array in (np.zeros((2, 3), np.float32), np.zeros(0), np.zeros((3, 2), np.int64).T[1:]):
        start = id(array)
        words = (ctypes.c_int64 * 7).from_address(start + HEAD)
        fit = array.flags.c_contiguous * 0x1 + array.flags.aligned * 0x100
        shape = (ctypes.c_int64 * array.ndim).from_address(words[w.DIMENSIONS])
        found = words[w.DATA], words[w.NDIM] & 0xFFFFFFFF, words[w.DTYPE], words[w.FLAGS] & w.FIT, (*shape,)
        if found != (array.__array_interface__["data"][0], array.ndim, id(array.dtype), fit, array.shape):
            return False
        if ctypes.c_int64.from_address(start + w.TYPE).value != id(np.ndarray):
            return False
    return True


@functools.cache
def _table() -> np.ndarray[Any, Any] | None:
    """What compiled code sees of the interpreter, and where the records are."""
    if not _laid_out_as_expected():
        return None
    table = np.zeros(w.BUCKETS + w.BUCKET_COUNT, np.int64)
    table[[w.CHECKING, w.NONE, w.ARRAY, w.FLOAT]] = id(ACTIVE), id(None), id(np.ndarray), id(float)
    table[[w.CLOCK, w.CHOSEN, w.SHARED]] = id(_clock), id(threads.override), threads.shared.buffer_info()[0]
    functions = {
        w.CALL: "PyObject_Vectorcall",
        w.TUPLE: "PyTuple_New",
        w.INCREASE: "Py_IncRef",
        w.DECREASE: "Py_DecRef",
        w.LET_GO: "PyEval_SaveThread",
        w.TAKE_UP: "PyEval_RestoreThread",
        w.EQUAL: "PyObject_RichCompareBool",
        w.INTEGER: "PyLong_FromSsize_t",
        w.NUMBER: "PyLong_AsSsize_t",
        w.VARIABLE: "PyContextVar_Get",
        w.CLEAR: "PyErr_Clear",
    }
    for place, name in functions.items():
        table[place] = ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p).value or 0
    table[w.DRIVER], table[w.TASK], table[w.ITEMS] = (
        _WALK.address("int64"),
        _TASK.address("int64"),
        tuple.__basicsize__,
    )
    return table


@functools.cache
def _method() -> _Method:
    method = _Method(b"call", _CALL.address("object"), _FAST_WITH_KEYWORDS, None)
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(method))  # for ever: at exit a caller may go after this module
    return method


def stranger(*inputs: Any, **options: Any) -> None:
    """A caller that knows no call."""


def caller() -> Callable[..., Any]:
    """A new caller: what it is bound to, a view of the table, tells it from others."""
    with _lock:
        table = _table()
        if table is None:
            return stranger
        method = _method()
    prototype = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p)
    new = prototype(("PyCFunction_NewEx", ctypes.pythonapi))
    made: Callable[..., Any] = new(ctypes.addressof(method), table[:], None)
    return made


def _by_value(x: Any) -> bool:
    return type(x) in _OPTIONS or (type(x) is tuple and all(map(_by_value, x)))


def introduce(primitive: Any) -> None:
    """Let the primitive's ``again`` be a caller of its own, if nobody has done so."""
    made = caller()
    with _lock:
        if primitive.again is stranger:
            object.__setattr__(primitive, "again", made)


def learn(
    kind: Any,
    caller: Any,
    inputs: Sequence[Any],
    options: Mapping[str, Any],
    program: Program,
    results: Sequence[_Result],
) -> None:
    """From now on ``caller(*inputs, **options)`` runs ``program`` on the inputs and results; ``kind`` is a hashable
    that says what of it is not in the options."""
    if caller is stranger or len(inputs) + len(results) > w.MOST_ARRAYS or _options.get(kind, 0) >= _MOST_OPTIONS:
        return
    if not all(x is None or type(x) is np.ndarray for x in inputs) or not all(map(_by_value, options.values())):
        return
    # A dtype that was unpickled is another object than NumPy's own, and equal to it; str tells -0.0 from 0.0.
    known_as = kind, str(options), *[id(x.dtype) for x in inputs if x is not None]
    if known_as in _known:
        return
    # To make objects may run the garbage collector, and that may run ops, which learn: so first all is made.
    keeper, table = _Keeper(caller, inputs, options, program, results), _table()
    assert table is not None
    record, place = keeper.record, address_of(keeper.record)
    bucket = w.BUCKETS + (int(record[w.HASH]) >> 40 & w.BUCKET_COUNT - 1)
    with _lock:
        if len(_known) >= _MOST:
            forget()
        if _closed or _known.setdefault(known_as, keeper) is not keeper:
            return
        record[w.NEXT] = table[bucket]
        table[bucket] = place
        _options[kind] = _options.get(kind, 0) + 1


def forget() -> None:
    """Forget all calls; one that is being answered keeps what it needs."""
    with _lock:
        table = _table() if _known else None
        if table is not None:
            table[w.BUCKETS :] = 0
            table[w.FORGOTTEN] += 1
        _options.clear()
        _known.clear()


@atexit.register
def _close() -> None:
    global _closed
    with _lock:
        _closed = True
        forget()
