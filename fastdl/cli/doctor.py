"""`fastdl doctor`: is the installation sound? For each fault the remedy."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .._kernels import cache, threads
from .._version import __version__

FAULTY = 1
DISTRIBUTION = "fastdl-numba"
_UNRELATED = "fastdl"  # a downloader, which installs a package of the same name
# At least this version, and below that one; as in pyproject.toml.
BOUNDS = {
    "numba": ((0, 62), (0, 69)),
    "llvmlite": ((0, 45), None),
    "numpy": ((2, 0), None),
    "scipy": ((1, 13), None),
    "safetensors": ((0, 5), None),
    "tqdm": ((4, 60), None),
}
_SHOWN_FEATURES = ("sse4.2", "avx", "avx2", "fma", "avx512f", "avx512vl", "neon", "sve")


class Finding(NamedTuple):
    """What was looked at and found; ``remedy`` is None if it is in order."""

    name: str
    value: str
    remedy: str | None = None


def run(options: argparse.Namespace) -> int:
    """Print what is found; returns the exit code."""
    findings = examine()
    width = max(len(finding.name) for finding in findings)
    for finding in findings:
        print(f"{finding.name.ljust(width)}  {finding.value}")
    faults = [finding for finding in findings if finding.remedy is not None]
    for fault in faults:
        print(f"\nfault: {fault.name}: {fault.value}\nremedy: {fault.remedy}")
    if not faults:
        print("\nno faults found")
    return FAULTY if faults else 0


def examine() -> list[Finding]:
    """Everything that is looked at. A check that fails is a finding, too."""
    findings = []
    for check in (
        _package,
        _unrelated,
        _python,
        *map(_version, BOUNDS),
        _cpu,
        _threads,
        _layer,
        cache_folder,
        _kernels,
    ):
        try:
            findings.append(check())
        except Exception as error:  # whatever is broken, the other checks still help
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            name = getattr(check, "__name__", "").strip("_")
            findings.append(Finding(name, reason, f"install anew: pip install --force-reinstall {DISTRIBUTION}"))
    return findings


def _package() -> Finding:
    return Finding("fastdl", f"{__version__}, imported from {Path(__file__).parent.parent}")


def _unrelated() -> Finding:
    """Two distributions that install the package ``fastdl`` overwrite each other's files."""
    try:
        found = metadata.version(_UNRELATED)
    except metadata.PackageNotFoundError:
        return Finding("distribution", f"{_installed(DISTRIBUTION) or 'not installed, run from a checkout'}")
    return Finding(
        "distribution",
        f"the unrelated downloader {_UNRELATED} {found} is installed, whose package is called fastdl, too",
        f"pip uninstall {_UNRELATED} {DISTRIBUTION}, then pip install {DISTRIBUTION}",
    )


def _installed(distribution: str) -> str | None:
    try:
        return f"{distribution} {metadata.version(distribution)}"
    except metadata.PackageNotFoundError:
        return None


def _python() -> Finding:
    value = f"{platform.python_implementation()} {platform.python_version()} on {platform.platform()}"
    supported = sys.version_info >= (3, 11) and platform.python_implementation() == "CPython"
    return Finding("python", value, None if supported else "use CPython 3.11 or later")


def _version(distribution: str) -> Callable[[], Finding]:
    """The check of one package that is needed."""

    def check() -> Finding:
        least, below = BOUNDS[distribution]
        wanted = f"{distribution}>={_text(least)}" + (f",<{_text(below)}" if below else "")
        try:
            found = metadata.version(distribution)
        except metadata.PackageNotFoundError:
            return Finding(distribution, "not installed", f"pip install '{wanted}'")
        numbers = tuple(int(part) for part in found.split(".")[:2] if part.isdecimal())
        good = least <= numbers and (below is None or numbers < below)
        return Finding(distribution, found, None if good else f"pip install '{wanted}'")

    check.__name__ = distribution
    return check


def _text(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def _cpu() -> Finding:
    name, listed = cache.host_cpu()
    features = {feature[1:]: feature.startswith("+") for feature in listed.split(",")}
    shown = [feature for feature in _SHOWN_FEATURES if features.get(feature)]
    held = os.environ.get("NUMBA_CPU_NAME")
    note = f"; kernels are made for {held}, because NUMBA_CPU_NAME says so" if held else ""
    return Finding("cpu", f"{name}, {vector_bits(features)} bit vectors ({' '.join(shown)}){note}")


def vector_bits(features: dict[str, bool]) -> int:
    """The width of the registers that floats are computed in.

    >>> vector_bits({"sse2": True, "avx": True})
    256
    """
    return 512 if features.get("avx512f") else 256 if features.get("avx") else 128


def _threads() -> Finding:
    cores = os.cpu_count() or 1
    setting = os.environ.get("NUMBA_NUM_THREADS")
    note = f" (NUMBA_NUM_THREADS={setting})" if setting else ""
    return Finding("threads", f"{threads.most()} of {cores} cores{note}")


def _layer() -> Finding:
    name = threads.layer()
    if name != "workqueue":
        return Finding("layer", name)
    remedy = "install an OpenMP runtime: apt install libgomp1, brew install libomp, or conda install llvm-openmp"
    if os.environ.get("NUMBA_THREADING_LAYER"):
        remedy = "unset NUMBA_THREADING_LAYER, or set it to omp"
    return Finding("layer", "workqueue, which cannot be used safely: everything runs on one thread", remedy)


def cache_folder() -> Finding:
    """Where kernels are kept, and whether they can be."""
    folder = cache.folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix="."):
            pass
    except OSError as error:
        return Finding(
            "cache",
            f"{folder} cannot be written ({error.strerror or error}): each process compiles anew",
            "set FASTDL_CACHE_DIR to a folder that can be written",
        )
    sizes = [file.stat().st_size for file in folder.glob("*.bin")]
    return Finding("cache", f"{folder}: {len(sizes)} kernels, {sum(sizes) / 1e6:.1f} MB, can be written")


def _kernels() -> Finding:
    """A kernel is compiled or loaded, and run."""
    from .. import functional as F

    x = np.linspace(-2, 2, 5, dtype=np.float32)
    if np.allclose(F.exp(x), np.exp(x), rtol=1e-5):
        return Finding("kernels", "a kernel ran and its result is right")
    return Finding(
        "kernels",
        f"exp({x.tolist()}) gave {F.exp(x).tolist()}",
        f"delete the folder {cache.folder()} and try again; if it persists, report it",
    )
