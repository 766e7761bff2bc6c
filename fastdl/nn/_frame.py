"""What is in force while a model runs: its mode, the values that stand in for its own, and where randomness comes from.

All of it lives in context variables, so threads that run one model at once do not see each other's values. A *frame* is
made by the outermost call that needs one: ``apply``, ``summary``, or ``model(x, training=True)``.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

from ..graph import current_graph

Key = tuple[int, str]  # (id of a module, name of one of its parameters or buffers)


class Frame:
    """One run of a model.

    ``values``: what stands in for parameters and buffers; ``buffers``: the buffers that may be updated, None for any;
    ``updates``: (module, new value) of each updated buffer; ``outputs``: what each module returned, if that is asked
    for.
    """

    __slots__ = ("buffers", "nodes", "outputs", "seed", "step", "updates", "values")

    def __init__(self, values: dict[Key, Any], seed: Any, step: Any, buffers: frozenset[Key] | None = None) -> None:
        self.values, self.seed, self.step, self.buffers = values, seed, step, buffers
        self.nodes = 0
        self.updates: dict[Key, tuple[Any, Any]] = {}
        self.outputs: list[tuple[Any, Any]] | None = None


class Call(NamedTuple):
    """One call of a module while the calls are noted: its name, what it is, what it returned, and which nodes of the
    graph (first, end) were recorded meanwhile."""

    name: str
    kind: str
    output: Any
    first: int
    end: int


CALLS: ContextVar[list[tuple[Any, Any, int, int]] | None] = ContextVar("fastdl_calls", default=None)
FRAME: ContextVar[Frame | None] = ContextVar("fastdl_frame", default=None)
TRAINING: ContextVar[bool] = ContextVar("fastdl_training", default=False)


@contextmanager
def running(frame: Frame, training: bool) -> Iterator[Frame]:
    """Run with this frame and mode."""
    frame_before, training_before = FRAME.set(frame), TRAINING.set(training)
    try:
        yield frame
    finally:
        TRAINING.reset(training_before)
        FRAME.reset(frame_before)


def recorded() -> int:
    """How many nodes the graph that is being recorded has."""
    graph = current_graph()
    return 0 if graph is None else len(graph.nodes)


def is_training() -> bool:
    """Whether the model that runs now was called with ``training=True``.

    For layers that behave differently in training; it need not be passed from module to module.

    >>> is_training()
    False
    """
    return TRAINING.get()


def random_key() -> tuple[Any, Any, int]:
    """(seed, step, node) for one random draw in training mode: the arguments of ``F.dropout``.

    ``node`` numbers the draws of a run in order. Seed and step are integers, or recorded tensors inside ``fit``.

    Raises RuntimeError outside of training mode.
    """
    frame = FRAME.get()
    if frame is None or not TRAINING.get():
        raise RuntimeError("random_key: the model does not run in training mode; ask nn.is_training() first")
    node = frame.nodes
    frame.nodes += 1
    return frame.seed, frame.step, node
