"""The kernel cache: what it refuses to read, what it survives, and what its file names depend on."""

import errno
import os
import threading
import warnings
from importlib import metadata

import pytest

from fastdl._kernels import cache

CODE = bytes(range(256)) * 20


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("FASTDL_CACHE_DIR", str(tmp_path / "kernels"))
    return tmp_path / "kernels"


@pytest.fixture
def stored(folder):
    """The file of a kernel that was stored."""
    cache.store("family.kernel(float32)", CODE)
    return cache.path("family.kernel(float32)")


@pytest.fixture
def fingerprint():
    """`fingerprint()` computed anew, and forgotten afterwards."""

    def compute():
        cache.fingerprint.cache_clear()
        return cache.fingerprint()

    yield compute
    cache.fingerprint.cache_clear()


def test_what_is_stored_is_loaded(folder, stored):
    assert cache.load("family.kernel(float32)") == CODE
    assert cache.load("family.kernel(float64)") is None
    assert [p for p in folder.iterdir()] == [stored]
    assert stored.name.startswith("family-kernel-float32-")


@pytest.mark.skipif(os.name != "posix", reason="POSIX permissions")
def test_all_may_read_what_the_superuser_stored(stored):
    assert stored.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("length", [0, 1, 31, 32, 33, 2000, len(CODE) + 31])
def test_a_file_that_was_cut_short_is_not_read(stored, length):
    stored.write_bytes(stored.read_bytes()[:length])
    assert cache.load("family.kernel(float32)") is None


@pytest.mark.parametrize("position", [0, 31, 32, 1000, -1])
def test_a_damaged_file_is_not_read(stored, position):
    data = bytearray(stored.read_bytes())
    data[position] ^= 1
    stored.write_bytes(data)
    assert cache.load("family.kernel(float32)") is None


def test_a_file_under_the_name_of_another_is_not_read(stored):
    stored.rename(cache.path("family.other(float32)"))
    assert cache.load("family.other(float32)") is None


@pytest.mark.skipif(os.name != "posix", reason="files have owners on POSIX systems")
def test_a_file_of_another_user_is_not_read(stored, monkeypatch):
    if os.getuid() == 0:
        os.chown(stored, 54321, 54321)
    else:
        monkeypatch.setattr(os, "getuid", lambda: 54321)
    assert cache.load("family.kernel(float32)") is None


@pytest.mark.skipif(os.name != "posix" or os.getuid() != 0, reason="needs files of the superuser")
def test_a_file_of_the_superuser_is_read(stored, monkeypatch):
    monkeypatch.setattr(os, "getuid", lambda: 54321)
    assert cache.load("family.kernel(float32)") == CODE


def test_a_folder_in_the_place_of_a_file_is_not_read(stored):
    stored.unlink()
    stored.mkdir()
    assert cache.load("family.kernel(float32)") is None


class TestUnwritable:
    """Stored three times: exactly one warning, nothing raised, nothing left behind."""

    @pytest.fixture(autouse=True)
    def _not_warned_yet(self, monkeypatch):
        monkeypatch.setattr(cache, "_warned", False)

    def store_three(self):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            for name in "abc":
                cache.store(f"family.{name}(float32)", CODE)
        assert [w.category for w in caught] == [cache.CacheWarning]
        return str(caught[0].message)

    def test_a_file_where_the_folder_should_be(self, folder):
        folder.write_text("in the way")
        message = self.store_three()
        assert str(folder) in message and "FASTDL_CACHE_DIR" in message
        assert folder.read_text() == "in the way"

    def test_a_parent_that_cannot_be_entered(self, tmp_path, monkeypatch):
        (tmp_path / "file").write_text("")
        monkeypatch.setenv("FASTDL_CACHE_DIR", str(tmp_path / "file" / "kernels"))
        self.store_three()
        assert cache.load("family.a(float32)") is None

    @pytest.mark.skipif(os.name != "posix", reason="POSIX permissions")
    def test_a_folder_without_write_permission(self, folder):
        cache.fingerprint()
        folder.mkdir()
        folder.chmod(0o500)
        if os.getuid() == 0:  # the superuser may write anywhere
            os.seteuid(54321)
        try:
            message = self.store_three()
        finally:
            os.seteuid(os.getuid())
        assert "Permission denied" in message

    @pytest.mark.parametrize("call", ["replace", "fchmod"] if os.name == "posix" else ["replace"])
    def test_a_disk_that_fails_half_way(self, folder, monkeypatch, call):
        def full(*args):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(os, call, full)
        assert "No space left" in self.store_three()
        assert list(folder.iterdir()) == []

    def test_a_write_that_fails_leaves_the_file_that_was_there(self, folder, monkeypatch):
        cache.store("family.a(float32)", CODE)
        monkeypatch.setattr(os, "replace", lambda *args: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            cache.store("family.a(float32)", b"half of the new")
        assert cache.load("family.a(float32)") == CODE

    def test_an_interrupt_while_storing_comes_through_and_leaves_nothing(self, folder, monkeypatch):
        def interrupt(*args):
            raise KeyboardInterrupt

        monkeypatch.setattr(os, "replace", interrupt)
        with pytest.raises(KeyboardInterrupt):
            cache.store("family.a(float32)", CODE)
        assert list(folder.iterdir()) == []


class TestFolder:
    def test_fastdl_cache_dir_moves_it(self, monkeypatch, tmp_path):
        monkeypatch.setenv("FASTDL_CACHE_DIR", str(tmp_path / "here"))
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "not here"))
        assert cache.folder() == tmp_path / "here"

    @pytest.mark.skipif(os.name != "posix", reason="XDG folders")
    def test_else_the_users_cache_folder(self, monkeypatch, tmp_path):
        monkeypatch.delenv("FASTDL_CACHE_DIR")
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
        assert cache.folder() == tmp_path / "xdg" / "fastdl"
        monkeypatch.delenv("XDG_CACHE_HOME")
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        assert cache.folder().is_relative_to(tmp_path / "home")

    @pytest.mark.skipif(os.name != "posix", reason="the user database")
    def test_without_a_home_a_folder_of_the_users_beside_temporary_files(self, monkeypatch, tmp_path):
        import pwd

        def unknown(uid):
            raise KeyError(f"getpwuid(): uid not found: {uid}")

        for name in ["FASTDL_CACHE_DIR", "XDG_CACHE_HOME", "HOME"]:
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setattr(pwd, "getpwuid", unknown)
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        assert cache.folder() == tmp_path / f"fastdl-{os.getuid()}"


class TestNames:
    """A file's name changes with everything that the machine code depends on, and with nothing else."""

    @pytest.mark.parametrize("setting", ["CPU_NAME=generic", "CPU_FEATURES=-avx512f", "OPT=1", "LOOP_VECTORIZE=0"])
    def test_settings_of_numba_that_change_the_code(self, fingerprint, monkeypatch, setting):
        before = fingerprint()
        name, _, value = setting.partition("=")
        monkeypatch.setenv(f"NUMBA_{name}", value)
        assert fingerprint() != before

    def test_threads_do_not(self, fingerprint, monkeypatch):
        before = fingerprint()
        monkeypatch.setenv("NUMBA_NUM_THREADS", "7")
        monkeypatch.setenv("NUMBA_THREADING_LAYER", "workqueue")
        assert fingerprint() == before

    def test_the_cpu(self, fingerprint, monkeypatch):
        """A home folder may be shared by machines of several kinds."""
        from llvmlite import binding

        names = {fingerprint()}
        monkeypatch.setattr(binding, "get_host_cpu_name", lambda: "another")
        names.add(fingerprint())
        features = binding.get_host_cpu_features()
        features["a-new-unit"] = True
        monkeypatch.setattr(binding, "get_host_cpu_features", lambda: features)
        names.add(fingerprint())
        assert len(names) == 3

    @pytest.mark.parametrize("package", ["numba", "llvmlite"])
    def test_versions(self, fingerprint, monkeypatch, package):
        before = fingerprint()
        real = cache._version
        monkeypatch.setattr(cache, "_version", lambda name: "0.0" if name == package else real(name))
        assert fingerprint() != before

    @pytest.mark.parametrize("package", ["numba", "llvmlite"])
    def test_where_versions_are_read(self, package):
        assert metadata.version(package) in cache._version(package)

    @pytest.mark.parametrize(
        "file", [None, "def get_versions(): ...", "# This file was generated by it.\nversion = '4.5'"]
    )
    def test_versions_of_packages_without_such_a_file(self, monkeypatch, tmp_path, file):
        (tmp_path / "it").mkdir()
        (tmp_path / "it" / "__init__.py").touch()
        if file is not None:
            (tmp_path / "it" / "_version.py").write_text(file)
        (tmp_path / "it-1.2.dist-info").mkdir()
        (tmp_path / "it-1.2.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: it\nVersion: 1.2\n")
        monkeypatch.syspath_prepend(tmp_path)
        assert cache._version("it") == (file if file and "generated" in file else "1.2")

    def test_element_types(self, folder):
        assert cache.path("a.b(float32)") != cache.path("a.b(float64)")


def test_writers_and_readers_at_once(folder):
    """Readers always see a whole file, whatever the writers do."""
    codes = [bytes([i]) * 200_000 for i in range(4)]
    seen, done = set(), threading.Event()
    cache.store("family.kernel(float32)", codes[0])

    def read():
        while not done.is_set():
            seen.add(cache.load("family.kernel(float32)"))

    def write(code):
        for _ in range(25):
            cache.store("family.kernel(float32)", code)

    readers = [threading.Thread(target=read) for _ in range(2)]
    writers = [threading.Thread(target=write, args=(code,)) for code in codes]
    for thread in (*readers, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    for thread in readers:
        thread.join()
    assert seen <= {*codes} and len(seen) > 1
    assert len(list(folder.iterdir())) == 1
