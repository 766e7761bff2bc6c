"""What a verification ends with: a report, or an error."""

from dataclasses import dataclass


class VerificationError(AssertionError):
    """A kernel or a gradient is wrong; the message has the numbers and how to reproduce them."""


@dataclass(frozen=True)
class Report:
    """What was verified. ``worst`` is the largest error found, as a share of what is allowed."""

    name: str
    cases: int
    dtypes: tuple[str, ...]
    worst: float

    def __repr__(self) -> str:
        return (
            f"<{self.name} verified: {self.cases} cases in each of {', '.join(self.dtypes)}; "
            f"largest error {self.worst:.2g} of the allowed one>"
        )


@dataclass(frozen=True)
class OpReport:
    """What was verified of one of fastdl's own ops. ``worst``, ``worst_backward`` and ``worst_gradient`` are the
    largest errors found, as shares of what is allowed; None where there is no backward."""

    name: str
    cases: int
    dtypes: tuple[str, ...]
    worst: float
    worst_backward: float | None
    worst_gradient: float | None
