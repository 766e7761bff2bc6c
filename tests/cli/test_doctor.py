"""Each fault that `fastdl doctor` knows, made to happen."""

import re
from importlib import metadata

import pytest

from fastdl._kernels import threads
from fastdl.cli import doctor


def pretend(monkeypatch, **versions):
    """Let these distributions be installed in these versions; None: not installed."""
    real = metadata.version

    def version(name):
        found = versions[name] if name in versions else real(name)
        if found is None:
            raise metadata.PackageNotFoundError(name)
        return found

    monkeypatch.setattr(metadata, "version", version)


@pytest.fixture
def sound(monkeypatch, tmp_path):
    """An installation without faults, whatever this machine has."""
    monkeypatch.setattr(threads, "layer", lambda: "omp")
    pretend(monkeypatch, fastdl=None)


@pytest.fixture
def fault(command, sound):
    """`fault()`: the text after "fault:", for a doctor that finds one."""

    def call():
        code, out, err = command("doctor")
        assert code == 1 and "Traceback" not in err
        found = re.findall(r"^fault: (.*)\nremedy: (.+)$", out, re.MULTILINE)
        assert len(found) == 1, out
        return " / ".join(found[0])

    return call


def test_no_fault(good, sound):
    out = good("doctor")
    assert out.endswith("\nno faults found\n")
    for name in ("fastdl", "python", "numba", "llvmlite", "numpy", "scipy", "cpu", "threads", "layer", "cache"):
        assert re.search(rf"^{name} +\S", out, re.MULTILINE), name
    assert re.search(r"\b(128|256|512) bit vectors", out)


def test_the_unrelated_downloader(fault, monkeypatch):
    pretend(monkeypatch, fastdl="1.2.3")
    text = fault()
    assert "downloader fastdl 1.2.3" in text and "pip uninstall fastdl fastdl-numba" in text


@pytest.mark.parametrize("version", ["0.61.2", "0.69.0", "1.0"])
def test_a_numba_that_is_not_supported(fault, monkeypatch, version):
    pretend(monkeypatch, fastdl=None, numba=version)
    assert f"numba: {version}" in fault() and "pip install 'numba>=" in fault()


def test_a_package_that_is_missing(fault, monkeypatch):
    pretend(monkeypatch, fastdl=None, scipy=None)
    assert fault().startswith("scipy: not installed / pip install 'scipy>=")


def test_the_layer_workqueue(fault, monkeypatch):
    monkeypatch.setattr(threads, "layer", lambda: "workqueue")
    monkeypatch.delenv("NUMBA_THREADING_LAYER", raising=False)
    assert "libgomp1" in fault()
    monkeypatch.setenv("NUMBA_THREADING_LAYER", "workqueue")
    assert "unset NUMBA_THREADING_LAYER" in fault()


def test_a_cache_that_cannot_be_written(fault, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("FASTDL_CACHE_DIR", str(tmp_path / "file" / "cache"))
    assert "FASTDL_CACHE_DIR" in fault()


def test_a_kernel_that_computes_nonsense(fault, monkeypatch):
    monkeypatch.setattr("fastdl.functional.exp", lambda x: 2 * x)
    assert "delete the folder" in fault()


def test_a_check_that_fails_is_a_fault(fault, monkeypatch):
    def broken():
        raise ImportError("libLLVM.so: cannot open shared object file")

    monkeypatch.setattr(threads, "layer", broken)
    assert "libLLVM.so" in fault() and "pip install" in fault()


def test_bounds_are_those_of_the_package():
    try:
        lines = metadata.requires(doctor.DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        pytest.skip("tested from a checkout: there is no installed package to compare with")
    required = {}
    for line in lines:
        name, bounds = re.fullmatch(r"([\w-]+)([^;]*)(;.*)?", line).group(1, 2)
        if ";" not in line:
            required[name] = set(bounds.strip().split(","))
    for name, (least, below) in doctor.BOUNDS.items():
        if name != "llvmlite":  # comes with numba
            expected = {">=" + ".".join(map(str, least))} | ({"<" + ".".join(map(str, below))} if below else set())
            assert required.pop(name) == expected
    assert not required
