"""The rules of the house, read off the source: who may import whom, how large files are, what must not be written down.

The files of the installed package are looked at, and, where the tests lie in a checkout, those of the checkout.
"""

import ast
import importlib
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import fastdl

PACKAGE = Path(fastdl.__file__).resolve().parent
ROOT = Path(__file__).resolve().parent.parent

# From the ground up. A file imports from its own floor and from those below it.
FLOORS = [
    {"_version", "debugging"},
    {"_kernels"},
    {"ops", "naming", "options", "storage"},
    {"functional"},
    {"graph", "numpy_protocol", "autodiff", "layouts", "rewriting", "plan", "stepwise", "transforms", "tree"},
    {"init", "optim", "minimization", "augment"},
    {"training"},
    {"nn"},
    {"many"},
    {"saving"},
    {"testing", "cli", "__main__", "benchmark", "explanation", "numba_extension"},
]
EDGES = FLOORS[-1]
ALONE = {"reference", "datasets"}  # import nothing of the house
ONLY_FOR_EDGES = {"reference"}  # nothing computes with the naive twins
NUMPY = {"numpy"}
THIRD_PARTIES = {
    "_kernels": NUMPY | {"numba", "llvmlite"},
    "numba_extension": NUMPY | {"numba", "llvmlite"},
    "benchmark": NUMPY | {"cv2", "jax", "llvmlite", "matplotlib", "scipy", "sklearn", "torch"},
    "cli": NUMPY | {"scipy", "tqdm"},
    "minimization": NUMPY | {"scipy"},
    "training": NUMPY | {"tqdm"},
    "storage": NUMPY | {"safetensors"},
    "testing": NUMPY | {"tqdm"},
}
LINES_OF_A_FILE, LINES_OF_A_FUNCTION = 330, 75


def sources(folder):
    return sorted(p for p in folder.rglob("*.py") if "__pycache__" not in p.parts)


def relative(path):
    return path.relative_to(PACKAGE).as_posix()


@pytest.fixture(scope="module")
def trees():
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in sources(PACKAGE)}


def room(path):
    """The file or folder of the package that a path belongs to; None for the façade ``fastdl/__init__.py``."""
    first = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return None if first == "__init__" else first


def imports(path, tree):
    """All that a file imports, at its top or inside functions, as absolute dotted names."""
    package = ["fastdl", *path.relative_to(PACKAGE).parts[:-1]]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            base = [*base, *(node.module.split(".") if node.module else [])]
            yield from (".".join([*base, alias.name]) for alias in node.names)


def floor(name):
    (found,) = [i for i, rooms in enumerate(FLOORS) if name in rooms] or [None]
    return found


def test_every_room_has_a_floor(trees):
    rooms = {room(path) for path in trees} - {None}
    assert rooms <= set.union(*FLOORS) | ALONE, "say in FLOORS where it stands"


def may_import(importer, imported):
    """Whether a room may import from another room of the house (None: the façade)."""
    if importer is None:  # loads what it names when it is first used
        return imported not in {"cli", "__main__"}
    if importer == imported:
        return True
    if importer in ALONE or imported is None:
        return importer in EDGES
    if imported in ALONE:
        return importer in EDGES or imported not in ONLY_FOR_EDGES
    return floor(imported) <= floor(importer)


@pytest.mark.parametrize(
    ("importer", "imported", "allowed"),
    [
        ("functional", "ops", True),
        ("ops", "functional", False),
        ("_kernels", "ops", False),
        ("graph", "plan", True),
        ("reference", "ops", False),
        ("ops", "reference", False),
        ("testing", "reference", True),
        ("datasets", "_kernels", False),
        ("training", "nn", False),
        ("training", None, False),
        ("cli", None, True),
        (None, "nn", True),
        (None, "cli", False),
    ],
)
def test_the_rule_itself(importer, imported, allowed):
    assert may_import(importer, imported) == allowed


def test_a_file_imports_only_from_floors_below_its_own(trees):
    wrong = []
    for path, tree in trees.items():
        for name in imports(path, tree):
            top, *rest = name.split(".")
            imported = rest[0] if rest and (rest[0] in set.union(*FLOORS) | ALONE) else None
            if top == "fastdl" and not may_import(room(path), imported):
                wrong.append(f"{relative(path)} imports {name}")
    assert not wrong


def test_third_parties_are_imported_where_they_belong(trees):
    """Numba in the kernels, NumPy everywhere, each other package in its one place."""
    wrong = []
    for path, tree in trees.items():
        allowed = THIRD_PARTIES.get(room(path), NUMPY) | sys.stdlib_module_names | {"fastdl"}
        wrong += [
            f"{relative(path)} imports {name}" for name in imports(path, tree) if name.split(".")[0] not in allowed
        ]
    assert not wrong


COMPILED_BY = {"njit", "jit", "cfunc", "vectorize", "guvectorize", "stencil", "overload", "overload_method"}
SAFE = {"nsz", "contract", "reassoc"}


def name_of(node):
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def dictionaries(tree):
    """The keys of every dictionary that is given a name in a file: options of the compiler, perhaps."""
    return {
        target.id: {key.value for key in node.value.keys}
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict)
        for target in node.targets
        if isinstance(target, ast.Name) and all(isinstance(key, ast.Constant) for key in node.value.keys)
    }


def unstated(tree, options):
    """Lines of a file where a decorator of Numba leaves fastmath or error_model to the caller, or deletes NaN."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            yield from (d.lineno for d in node.decorator_list if name_of(d) in COMPILED_BY)
        elif isinstance(node, ast.Call) and name_of(node.func) in COMPILED_BY:
            stated = {k.arg for k in node.keywords}
            for k in node.keywords:  # **OPTIONS, jit_options=OPTIONS
                stated |= options.get(name_of(k.value), set()) if k.arg in (None, "jit_options") else set()
            if not stated >= {"fastmath", "error_model"}:
                yield node.lineno
        pairs = zip(node.keys, node.values, strict=True) if isinstance(node, ast.Dict) else ()
        flags = [value for key, value in pairs if isinstance(key, ast.Constant) and key.value == "fastmath"]
        flags += [node.value] if isinstance(node, ast.keyword) and node.arg == "fastmath" else []
        for flag in flags:
            if not isinstance(flag, ast.Set) or not {name.value for name in flag.elts} <= SAFE:
                yield flag.lineno


@pytest.mark.parametrize(
    ("code", "wrong"),
    [
        ("@njit\ndef f(): pass", True),
        ("@numba.njit(nogil=True)\ndef f(): pass", True),
        ("@njit(fastmath=True, error_model='numpy')\ndef f(): pass", True),
        ("@njit(fastmath={'nnan'}, error_model='numpy')\ndef f(): pass", True),
        ("@njit(fastmath={'nsz'}, error_model='numpy')\ndef f(): pass", False),
        ("O = {'fastmath': {'nsz'}, 'error_model': 'numpy'}\nf = njit(nogil=True, **O)(g)", False),
        ("O = {'fastmath': {'ninf'}, 'error_model': 'numpy'}\nf = njit(nogil=True, **O)(g)", True),
        ("O = {'error_model': 'numpy'}\n@overload(exp, jit_options=O)\ndef f(): pass", True),
        ("O = {'fastmath': {'nsz'}, 'error_model': 'numpy'}\n@overload(exp, jit_options=O)\ndef f(): pass", False),
    ],
)
def test_the_rule_for_options(code, wrong):
    tree = ast.parse(code)
    assert bool(list(unstated(tree, dictionaries(tree)))) == wrong


def test_options_of_the_compiler_are_stated(trees):
    """What is left open is inherited from the first caller, which may be a user's `fastmath=True`."""
    compiled = {path: tree for path, tree in trees.items() if room(path) in ("_kernels", "numba_extension")}
    options = {name: keys for tree in compiled.values() for name, keys in dictionaries(tree).items()}
    wrong = [f"{relative(path)}:{line}" for path, tree in compiled.items() for line in unstated(tree, options)]
    assert not wrong


def length(path):
    """Lines of a file; of a façade without what it re-exports, which is a table of contents."""
    text = path.read_text(encoding="utf-8")
    lines = len(text.splitlines())
    if path.name == "__init__.py":
        for node in ast.parse(text).body:
            names = [name_of(target) for target in getattr(node, "targets", ())]
            if isinstance(node, ast.ImportFrom) or "__all__" in names:
                lines -= node.end_lineno - node.lineno + 1
    return lines


def test_files_are_short(trees):
    files = list(trees)
    for folder in ("tests", "bench", "examples"):
        files += sources(ROOT / folder) if (ROOT / folder).is_dir() else []
    lengths = {p: length(p) for p in files}
    assert not {str(p): n for p, n in lengths.items() if n > LINES_OF_A_FILE}


def test_functions_are_short(trees):
    """Counted without the docstring."""
    long = []
    for path, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                first = node.body[1] if ast.get_docstring(node) and len(node.body) > 1 else node.body[0]
                lines = node.end_lineno - first.lineno + 1
                if lines > LINES_OF_A_FUNCTION:
                    long.append(f"{relative(path)}: {node.name} has {lines} lines")
    assert not long


def test_every_file_starts_with_a_paragraph(trees):
    assert not [relative(path) for path, tree in trees.items() if not ast.get_docstring(tree)]


def test_public_names_are_there_and_have_a_docstring():
    assert fastdl.__all__
    assert not [name for name in fastdl.__all__ if not inspect.getdoc(getattr(fastdl, name))]
    assert sorted(set(fastdl.__all__)) == sorted(fastdl.__all__)
    assert set(fastdl.__all__) <= set(dir(fastdl))


@pytest.mark.parametrize("name", ["functional", "nn", "optim", "datasets", "reference", "testing"])
def test_public_modules_say_what_is_public(name):
    module = importlib.import_module(f"fastdl.{name}")
    public = {name: getattr(module, name) for name in module.__all__}
    assert not [name for name, value in public.items() if callable(value) and not inspect.getdoc(value)]


# Written in two halves, so that this file does not contain them.
FORBIDDEN = {
    "the host of a package registry": ["pypi" + ".org", "python" + "hosted", "anaconda" + ".org", "npm" + "js."],
    "a path of somebody's machine": ["/wo" + "rk/", "/ro" + "ot/", "/ho" + "me/", "/opt" + "/", "C:\\" + "Users"],
    "work left undone": ["TO" + "DO", "FIX" + "ME", "X" + "XX"],
}
TEXTS = {".py", ".md", ".toml", ".txt", ".cfg", ".ini", ".yml", ".yaml", ".sh", ".in", ""}
SKIPPED = {"__pycache__", "build", "dist", "data"}


def texts():
    here = [ROOT] if (ROOT / "pyproject.toml").exists() else [ROOT / "tests"]
    for top in {PACKAGE, *here}:
        for folder, folders, files in os.walk(top):
            folders[:] = [f for f in folders if f not in SKIPPED and (f == ".ci" or not f.startswith((".", "venv")))]
            yield from (Path(folder, f) for f in files if Path(f).suffix in TEXTS)


@pytest.mark.parametrize("what", FORBIDDEN)
def test_what_must_not_be_written_down(what):
    pattern = re.compile("|".join(re.escape(word) for word in FORBIDDEN[what]))
    found = []
    for path in texts():
        for i, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if pattern.search(line):
                found.append(f"{path}:{i}: {line.strip()}")
    assert not found


def python(code, **environment):
    """What a new process prints; it starts in a folder without a ``fastdl``."""
    env = {**os.environ, **environment}
    return subprocess.run(
        [sys.executable, "-c", code],
        env=env,
        cwd=Path(sys.executable).parent,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_import_fastdl_imports_no_numba_and_compiles_nothing(tmp_path):
    code = """
import sys, fastdl
print(sorted({name.split(".")[0] for name in sys.modules} & {"numba", "llvmlite", "scipy", "torch", "pandas", "tqdm"}))
for name in fastdl.__all__:
    getattr(fastdl, name)
print("numba" in sys.modules)
"""
    assert python(code, FASTDL_CACHE_DIR=str(tmp_path / "cache")).split("\n")[:2] == ["[]", "False"]
    assert not (tmp_path / "cache").exists()


def test_import_fastdl_is_quick():
    """At most 0.15 s more than `import numpy`; the quickest of several, because other processes run, too."""
    code = "import numpy, time; t = time.perf_counter(); import fastdl; print(time.perf_counter() - t)"
    assert min(float(python(code)) for _ in range(7)) < 0.15
