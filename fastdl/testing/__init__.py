"""Checks for kernels and gradients, also for those that are not ours.

``verify`` runs somebody's own kernel for one of this library's ops against the naive reference, ``verify_op`` the
library's own, ``check_grad`` compares gradients with finite differences. All raise :class:`VerificationError` with the
numbers and, for a kernel, the smallest failing case as code to paste. The library's own tests are made of them.
"""

from ._code import POISONS
from ._draws import draw
from ._gradients import check_grad
from ._own import verify_op
from ._report import OpReport, Report, VerificationError
from ._verify import verify

__all__ = ["POISONS", "OpReport", "Report", "VerificationError", "check_grad", "draw", "verify", "verify_op"]
