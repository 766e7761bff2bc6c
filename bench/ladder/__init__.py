"""Ladders: a computation from the naive loop to the limit of the machine, each step a few lines that can be read.

``docs/kernels.md`` explains the steps.
"""

import os

# Where a step uses NumPy's matrix product, that runs on one thread as the step does; read when NumPy is imported.
for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
    os.environ[name] = "1"
