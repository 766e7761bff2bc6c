"""Plans: a graph made ready to run. Every value gets its place, every node its kernel launches.

Inputs, captured arrays and results are *external*: their addresses are given at each run. All else lives in one arena,
in which values that do not live at the same time share room. Three things cost nothing: a view (reshape, a contiguous
slice) is a place inside its source; the parts of a concatenation are computed right where they will stand; and an
update such as ``p -> p - lr g`` is computed in the place of the old value if nothing reads that afterwards.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ._kernels import Buffer, Kernel, ProgramBuilder, Run, address_of, allocator
from ._kernels.arena import align
from ._kernels.launches import ARENA_BASE
from .graph import Graph, Node, Tensor
from .ops import Array, Lowering, Operand, Spec, prepared
from .rewriting import rewritten

_COPY = Kernel("copy", "copy")


class _Place(NamedTuple):
    """Where a tensor lies: ``offset`` bytes into the memory of ``root``."""

    root: Tensor
    offset: int


class Plan:
    """A compiled graph: ``plan(arrays)`` runs it once; ``bind`` prepares it for many steps on the same memory.

    ``updates`` are pairs (input, new value): after each step the input's memory holds the new value. What depends on
    nothing but the inputs that are ``lasting`` and on captured arrays is computed once for all steps and batches of a
    bound plan: these must not change while it is bound.
    """

    def __init__(
        self,
        graph: Graph,
        inputs: Sequence[Tensor],
        outputs: Sequence[Tensor],
        updates: Sequence[tuple[Tensor, Tensor]] = (),
        *,
        lasting: Sequence[Tensor] = (),
    ) -> None:
        self.inputs = tuple(inputs)
        self.outputs = tuple(outputs)
        results = [*self.outputs, *(new for _, new in updates)]
        prologue, body = rewritten(graph, results, lasting)
        self.nodes = [*prologue, *body]
        used = {x for node in self.nodes for x in node.inputs} | set(results)
        captured = [(t, array, prepared(array)) for t, array in graph.constants if t in used]
        self._constants = [ready for _, _, ready in captured]
        self._copied = [(ready, array) for _, array, ready in captured if ready is not array]
        layout = _Layout(
            self.nodes, self.inputs, [t for t, _, _ in captured], self.outputs, list(updates), len(prologue)
        )
        failures: list[Exception] = []
        builder = ProgramBuilder(layout.arena_bytes)
        lowering = Lowering(builder, failures)
        for i, node in enumerate(self.nodes):
            if i == len(prologue):
                builder.end_prologue()
            if not layout.is_free(node):
                ins = tuple([None if x is None else layout.operand(x) for x in node.inputs])
                node.primitive.lower(lowering, ins, tuple([layout.operand(y) for y in node.outputs]), **node.attrs)
                builder.release_scratch()
            for target, source, nbytes in layout.copies_after(node):
                _copy(builder, target, source, nbytes)
        for target, source, nbytes in layout.final_copies:
            _copy(builder, target, source, nbytes)
        self.program = builder.build(layout.externals, failures)
        self._constant_places = [address_of(array) for array in self._constants]
        self.arena_bytes = self.program.arena_bytes
        specs = [Spec(t.shape, t.dtype) for t in self.outputs]
        self._results = [(allocator(spec.nbytes), spec) for spec in specs]

    def __call__(self, arrays: Sequence[Array]) -> list[Array]:
        """Run once on arrays of the inputs' shapes and dtypes; returns fresh results."""
        sources = [prepared(a) for a in arrays]
        results = [new(*spec) for new, spec in self._results]
        self.program.run(self._bases(sources, results))
        return results

    def move(self, run: Run, arrays: Sequence[Array], results: Sequence[Array]) -> None:
        """Let a bound plan go on with other arrays; those that are lasting must be the same ones."""
        self._check(arrays, results)
        run.move(self._bases(arrays, results))

    def bind(self, arrays: Sequence[Array], results: Sequence[Array] = ()) -> Run:
        """The plan on fixed memory: updated inputs are changed in place. The caller keeps the arrays alive."""
        self._check(arrays, results)
        return self.program.bind(self._bases(arrays, results))

    def _check(self, arrays: Sequence[Array], results: Sequence[Array]) -> None:
        for tensor, array in zip((*self.inputs, *self.outputs), (*arrays, *results), strict=True):
            if array.shape != tensor.shape or array.dtype != tensor.dtype or prepared(array) is not array:
                raise ValueError(
                    f"the plan was given {array.shape} {array.dtype}; expected a contiguous array {tensor.shape} "
                    f"{tensor.dtype}"
                )

    def _bases(self, arrays: Sequence[Array], results: Sequence[Array]) -> list[int]:
        return [*map(address_of, arrays), *self.captured(), *map(address_of, results)]

    def captured(self) -> list[int]:
        """Where the captured arrays are, which come between the inputs and the outputs."""
        for copy, array in self._copied:  # those that kernels cannot read where they are
            np.copyto(copy, array)
        return self._constant_places


def _copy(builder: ProgramBuilder, target: Buffer, source: Buffer, nbytes: int) -> None:
    builder.launch(_COPY, ["uint8"], [target, source, nbytes], cells=-(-nbytes // 16384), work=nbytes / 20)


class _Layout:
    """Decides where each tensor of a plan lies."""

    def __init__(
        self,
        nodes: list[Node],
        inputs: Sequence[Tensor],
        constants: Sequence[Tensor],
        outputs: Sequence[Tensor],
        updates: list[tuple[Tensor, Tensor]],
        prologue: int,
    ) -> None:
        self._nodes = nodes
        self._prologue = prologue
        self._made_once = {y for node in nodes[:prologue] for y in node.outputs}
        self._index = {node: i for i, node in enumerate(nodes)}
        self._maker = {y: node for node in nodes for y in node.outputs}
        self._view: dict[Tensor, _Place] = {}
        self._free: set[Node] = set()
        self._pieces: dict[Node, list[tuple[Tensor, int]]] = {}
        self._storage: dict[Tensor, Buffer] = {}
        for i, tensor in enumerate((*inputs, *constants)):
            self._storage.setdefault(tensor, Buffer.external(i))
        self.externals = len(inputs) + len(constants) + len(outputs)
        self._external_inputs = frozenset(self._storage)
        self._find_views()
        self._place_pieces()
        self._uses = self._find_uses()
        self.final_copies: list[tuple[Buffer, Buffer, int]] = []
        late: list[tuple[Buffer, Tensor]] = []
        # What is read again at the end of the step must not have been overwritten by then.
        self._read_late = {self.place(t).root for t in outputs} | {self.place(new).root for _, new in updates}
        for target, new in updates:
            if not self._update_in_place(target, new):
                late.append((self._storage[target], new))
        first_output = len(inputs) + len(constants)
        for i, tensor in enumerate(outputs, first_output):
            root, offset = self.place(tensor)
            if root in self._storage or offset or root.size != tensor.size or root in self._made_once:
                late.append((Buffer.external(i), tensor))
            else:
                self._storage[root] = Buffer.external(i)
        self._late_roots = {self.place(t).root for _, t in late}
        self.arena_bytes = self._allocate()
        self._order_copies(late, {self._storage[t] for t, _ in updates})

    # Views and concatenations.

    def _find_views(self) -> None:
        for node in self._nodes:
            view = node.primitive.view
            if view is None:
                continue
            (x,), (y,) = node.inputs, node.outputs
            assert x is not None
            start = view(Spec(x.shape, x.dtype), **node.attrs)
            if start is not None:
                self._view[y] = _Place(x, start * x.dtype.itemsize)
                self._free.add(node)

    def place(self, tensor: Tensor) -> _Place:
        """The root that holds the tensor and the offset there."""
        offset = 0
        while tensor in self._view:
            tensor, step = self._view[tensor]
            offset += step
        return _Place(tensor, offset)

    def _place_pieces(self) -> None:
        """Let the parts of a concatenation be computed in their places; copy those that cannot be."""
        for node in self._nodes:
            if node.primitive.name != "concatenate" or not _leading(node):
                continue
            (whole,) = node.outputs
            offset = 0
            for piece in node.inputs:
                assert piece is not None
                root, start = self.place(piece)
                nbytes = Spec(piece.shape, piece.dtype).nbytes
                elsewhere = root in self._external_inputs or (root in self._made_once and whole not in self._made_once)
                if elsewhere or root is whole or start or root.size != piece.size:
                    self._pieces.setdefault(node, []).append((piece, offset))
                else:
                    self._view[root] = _Place(whole, offset)
                offset += nbytes
            self._free.add(node)

    def is_free(self, node: Node) -> bool:
        """Whether the node needs no launch of its own."""
        return node in self._free

    def copies_after(self, node: Node) -> list[tuple[Buffer, Buffer, int]]:
        """Copies of the parts of a concatenation that are not computed in their places."""
        if node not in self._pieces:
            return []
        (whole,) = node.outputs
        target = self.buffer(whole)
        return [
            (target.at(offset), self.buffer(piece), Spec(piece.shape, piece.dtype).nbytes)
            for piece, offset in self._pieces[node]
        ]

    # Lifetimes.

    def _find_uses(self) -> dict[Tensor, tuple[int, int]]:
        """First and last node at which each root is in use."""
        uses: dict[Tensor, tuple[int, int]] = {}
        for i, node in enumerate(self._nodes):
            for tensor in (*node.inputs, *node.outputs):
                if tensor is not None:
                    root = self.place(tensor).root
                    uses[root] = (uses[root][0] if root in uses else i, i)
        return uses

    def _update_in_place(self, target: Tensor, new: Tensor) -> bool:
        """Give the new value of a state the old one's place, if the node that makes it is the last to read that."""
        root, offset = self.place(new)
        node = self._maker.get(root)
        if root in self._storage or offset or root.size != target.size or node is None or node in self._free:
            return False
        if target in self._read_late:
            return False
        for out, source in node.primitive.in_place:
            x = node.inputs[source]
            if x is None or node.outputs[out] is not root:
                continue
            held_by, start = self.place(x)
            if (
                held_by is target
                and start == 0
                and x.shape == root.shape
                and self._uses[target][1] == self._index[node]
                and sum(y is not None and self.place(y).root is target for y in node.inputs) == 1
            ):
                self._storage[root] = self._storage[target]
                return True
        return False

    def _allocate(self) -> int:
        """First fit in the order of first use. Returns the size of the arena."""
        end = len(self._nodes)
        live: list[tuple[int, int, int]] = []  # (start, stop, last use) of the room in use
        size = 0
        for root, (first, last) in sorted(self._uses.items(), key=lambda item: item[1][0]):
            if root in self._storage:
                continue
            if root in self._late_roots or first < self._prologue <= last:
                last = end
            nbytes = align(Spec(root.shape, root.dtype).nbytes)
            live = sorted(room for room in live if room[2] >= first)
            start = 0
            for begin, stop, _ in live:
                if start + nbytes <= begin:
                    break
                start = max(start, stop)
            live.append((start, start + nbytes, last))
            size = max(size, start + nbytes)
            self._storage[root] = Buffer(ARENA_BASE, start)
        return size

    # Results that could not be computed in their places.

    def _order_copies(self, late: list[tuple[Buffer, Tensor]], states: set[Buffer]) -> None:
        """Copies at the end of a step; what is read from a state goes first through room of its own."""
        second: list[tuple[Buffer, Buffer, int]] = []
        for target, tensor in late:
            source, nbytes = self.buffer(tensor), Spec(tensor.shape, tensor.dtype).nbytes
            if Buffer(source.base) in states and target in states:
                room = Buffer(ARENA_BASE, self.arena_bytes)
                self.arena_bytes += align(nbytes)
                self.final_copies.append((room, source, nbytes))
                second.append((target, room, nbytes))
            elif target in states:
                second.append((target, source, nbytes))
            else:
                self.final_copies.append((target, source, nbytes))
        self.final_copies += second

    def buffer(self, tensor: Tensor) -> Buffer:
        """The place of a tensor."""
        root, offset = self.place(tensor)
        return self._storage[root].at(offset)

    def operand(self, tensor: Tensor) -> Operand:
        """The tensor as a primitive's ``lower`` takes it."""
        return Operand(self.buffer(tensor), tensor.shape, tensor.dtype)


def _leading(node: Node) -> bool:
    """Whether the parts of a concatenation lie one after the other in memory."""
    axis = node.attrs["axis"]
    return all(n == 1 for n in node.outputs[0].shape[:axis])
