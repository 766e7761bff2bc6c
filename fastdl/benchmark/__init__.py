"""The benchmark: fastdl beside what users would pick otherwise, on their own machine.

``rows.py`` has the rows and their bars as data, ``work.py`` their arrays, ``peers/`` how each library does the work.
``measure.py`` runs them: every library in a process of its own (``process.py``, ``worker.py``), verified first
(``check.py``), turn about in several rounds, beside the machine's peak (``peak.py``). ``report.py`` writes. The command
is ``fastdl bench``.
"""

from .measure import Measured, Result, run
from .rows import ROWS, Row, select

__all__ = ["ROWS", "Measured", "Result", "Row", "run", "select"]
