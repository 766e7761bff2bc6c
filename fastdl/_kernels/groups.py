"""Groups: elementwise launches that follow each other, run cell by cell, so that what they hand on stays in the cache.

A group is one launch for the driver, and one parallel region. Its kernel, ``walk.chain``, calls those of its members
for one cell after the other. That is right if no member's cell touches what another cell of the group writes. So it
is made of launches with equal grids only, whose operands, where one of them is written, lie in the same place or apart.
"""

from collections.abc import Callable, Sequence

from .launches import BLOCKS_BASE, Argument, Buffer, Launch
from .loader import Kernel

CHAIN = Kernel("walk", "chain")


def grouped(launches: Sequence[Launch], parts: Callable[[int, float], int]) -> list[Launch]:
    """The launches, those that can form groups as members of these. ``parts(cells, work)`` go to a thread each."""
    found: list[Launch] = []
    members: list[Launch] = []

    def close() -> None:
        if len(members) > 1:
            cells, work = members[0].cells, sum(launch.work for launch in members)
            found.append(Launch(CHAIN, ("int64",), (), cells, parts(cells, work), work, members=tuple(members)))
        else:
            found.extend(members)
        members.clear()

    for launch in launches:
        if not (members and all(_join(other, launch) for other in members)):
            close()
        members.append(launch)
    close()
    return found


def _join(a: Launch, b: Launch) -> bool:
    """Whether two launches may run cell by cell. One cell is no gain."""
    if a.cells == 1 or not a.touched or not b.touched or (a.cells, a.grid) != (b.cells, b.grid):
        return False
    for x in a.touched:
        for y in b.touched:
            if (x.written or y.written) and x.place.base == y.place.base:
                apart = x.place.offset + x.nbytes <= y.place.offset or y.place.offset + y.nbytes <= x.place.offset
                together = x.place == y.place and x.step == y.step != 0
                if not (apart or together):
                    return False
    return True


def blocks_of(launches: Sequence[Launch]) -> list[tuple[Argument, ...]]:
    """The argument blocks of the launches, then those of all members; a chain's says where its members' are."""
    sizes = [len(launch.arguments) if not launch.members else 1 + 2 * len(launch.members) for launch in launches]
    start = sum(sizes)
    chains: list[tuple[Argument, ...]] = []
    inside: list[tuple[Argument, ...]] = []
    for launch in launches:
        if not launch.members:
            chains.append(launch.arguments)
            continue
        arguments: list[Argument] = [len(launch.members)]
        for member in launch.members:
            arguments += [member.kernel.address(*member.dtypes), Buffer(BLOCKS_BASE, 8 * start)]
            inside.append(member.arguments)
            start += len(member.arguments)
        chains.append(tuple(arguments))
    return [*chains, *inside]
