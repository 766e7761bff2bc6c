"""What is printed and written: the table, the bars, a comparison with an earlier run, and JSON."""

import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from .measure import Result
from .rows import MEANS, ROWS


def table(results: Sequence[Result]) -> str:
    """One line a row: fastdl's time and share of the peak, and peer's time / fastdl's for every peer."""
    peers = peers_of(results)
    lines = [["row", "fastdl", "peak", *(f"{peer} /" for peer in peers), ""]]
    notes = []
    for result in results:
        cells = [result.row.name, _time(result.libraries["fastdl"].median), _percent(result.share)]
        for peer in peers:
            cells.append(_ratio(result.ratio(peer)) if peer in result.libraries else "")
        for name, measured in result.libraries.items():
            if measured.problem is not None:
                notes.append(f"{result.row.name}: {name}: {measured.problem}")
        if result.peak_problem is not None:
            notes.append(f"{result.row.name}: the machine's peak: {result.peak_problem}")
        cells.append("; ".join(f"{n} {m.note}" for n, m in result.libraries.items() if m.note and m.seconds))
        lines.append(cells)
    legend = (
        "Numbers under a peer: its time divided by fastdl's; above 1 fastdl is the faster one. Empty: it has nothing "
        "for the row.\npeak: the share of the machine's multiplications and additions that fastdl reaches, by the "
        "formula's count:\nconvolutions of 3 x 3 may exceed 100 %, as Winograd's way multiplies less."
    )
    if any((result.share or 0) > (4 if result.row.kind.startswith("conv2d") else 1) for result in results):
        legend += " More than 100 %: the machine was busy\nwith other work, so no figure of this table can be trusted."
    return "\n".join([_aligned(lines), "", legend, *notes])


def peers_of(results: Sequence[Result]) -> list[str]:
    """The libraries beside fastdl, in the order in which they appear."""
    return list(dict.fromkeys(name for r in results for name in r.libraries if name != "fastdl"))


def _aligned(lines: Sequence[Sequence[str]]) -> str:
    """Columns of equal width, the first and the last to the left."""
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    last = len(widths) - 1
    return "\n".join(
        "  ".join(
            c.ljust(w) if i in (0, last) else c.rjust(w) for i, (c, w) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "failed"
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= 0.9995 * size:  # what three digits round to the unit
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def _ratio(ratio: float | None) -> str:
    return "-" if ratio is None else f"{ratio:.2f}" if ratio < 100 else f"{ratio:.0f}"


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.0f} %"


class Bar(NamedTuple):
    """A ratio that is needed, and what was measured: None if the peer or fastdl was not."""

    name: str
    peer: str
    needed: float
    measured: float | None

    @property
    def verdict(self) -> str:
        if self.measured is None:
            return "not measured"
        return "pass" if self.measured >= self.needed else "MISS"


def bars(results: Sequence[Result]) -> list[Bar]:
    """Each bar of the rows, and of the geometric means of the parts that were measured whole."""
    found = [Bar(r.row.name, peer, least, r.ratio(peer)) for r in results for peer, least in r.row.bars.items()]
    for part, means in MEANS.items():
        rows = [r for r in results if r.row.part == part]
        whole = {row.name for row in ROWS if row.part == part} <= {r.row.name for r in rows}
        for peer, least in means.items() if whole else ():
            ratios = [r.ratio(peer) for r in rows]
            known = [ratio for ratio in ratios if ratio is not None]
            mean = math.prod(known) ** (1 / len(known)) if len(known) == len(ratios) else None
            found.append(Bar(f"geometric mean of {part}, {len(rows)} rows", peer, least, mean))
    return found


def bars_table(found: Iterable[Bar]) -> str:
    """Needed, measured, and pass, miss or not measured."""
    lines = [["bar", "peer", "needed", "measured", ""]]
    lines += [
        [b.name, b.peer, f"{b.needed:g}", "" if b.measured is None else f"{b.measured:.2f}", b.verdict] for b in found
    ]
    return _aligned(lines)


def header(facts: dict[str, Any]) -> str:
    """What has to be said beside the figures."""
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    threads = f"{facts['threads']} thread{'s' if facts['threads'] > 1 else ''} of {facts['cores']} CPUs"
    return f"{facts['cpu']}, {threads}, Python {facts['python']}, {facts['time']}\n{versions}\n"


def as_json(results: Sequence[Result], facts: dict[str, Any]) -> dict[str, Any]:
    """All that was measured, to be kept and compared."""
    rows = {}
    for result in results:
        rows[result.row.name] = {
            "share_of_peak": result.share,
            "peaks": result.peaks,
            "libraries": {
                name: {
                    "median": m.median,
                    "seconds": m.seconds,
                    "first": m.first,
                    "note": m.note,
                    "problem": m.problem,
                    "curve": m.curve,
                    "ratio": None if name == "fastdl" else result.ratio(name),
                }
                for name, m in result.libraries.items()
            },
        }
    return {"format": 1, "facts": facts, "rows": rows}


def read_json(path: Path) -> dict[str, Any]:
    """An earlier run; raises ValueError if the file is none."""
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path}: cannot be read as JSON: {error}") from None
    known = isinstance(content, dict) and content.get("format") == 1 and isinstance(content.get("facts"), dict)
    rows = content.get("rows") if known else None
    if not isinstance(rows, dict) or not all(_is_row(row) for row in rows.values()):
        raise ValueError(f"{path}: is not what fastdl bench --json writes")
    return content


def _is_row(row: Any) -> bool:
    libraries = row.get("libraries") if isinstance(row, dict) else None
    return isinstance(libraries, dict) and all(isinstance(found, dict) for found in libraries.values())


def comparison(results: Sequence[Result], earlier: dict[str, Any]) -> str:
    """fastdl's times beside those of an earlier run, and how much faster it is now."""
    lines = [["row", "before", "now", "faster"]]
    for result in results:
        before = earlier["rows"].get(result.row.name, {}).get("libraries", {}).get("fastdl", {}).get("median")
        now = result.libraries["fastdl"].median
        gain = f"{before / now:.2f}" if before and now else ""
        lines.append([result.row.name, _time(before) if before else "not measured", _time(now), gain])
    facts = earlier["facts"]
    return f"compared with {facts.get('time', 'an earlier run')} on {facts.get('cpu', 'an unknown CPU')}:\n" + _aligned(
        lines
    )
