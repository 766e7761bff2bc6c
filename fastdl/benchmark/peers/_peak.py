"""Not a peer: the process that measures the machine's peak."""

from ..._kernels import threads as pool
from ..peak import Peak

_peaks: dict[str, Peak] = {}


def version() -> str:
    return ""


def setup(threads: int) -> None:
    pool.set_num_threads(threads)


def peak(dtype: str) -> float:
    """Operations in a second, now."""
    if dtype not in _peaks:
        _peaks[dtype] = Peak(dtype)
    return _peaks[dtype].measure()
