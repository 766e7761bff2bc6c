"""The scripts in ``bench/`` that are no benchmarks of kernels, at a small size."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parent.parent / "bench" / "larger_than_memory.py"


@pytest.mark.skipif(not SCRIPT.exists(), reason="not in a checkout")
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_training_on_a_file_takes_the_memory_of_the_buffers(tmp_path, dtype):
    command = [sys.executable, SCRIPT, "--gigabytes", "0.1", "--chunk-megabytes", "4", "--dtype", dtype, "--folder"]
    done = subprocess.run(
        [*command, tmp_path], capture_output=True, text=True, env={**os.environ, "NUMBA_NUM_THREADS": "1"}
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["accuracy"] > 0.2 and not list(tmp_path.iterdir())
    # A second buffer, the libraries and the compiled code come to the same whatever the size of the file.
    assert result["peak megabytes"] < 400
