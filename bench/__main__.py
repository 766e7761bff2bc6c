"""``python -m bench``: the same as ``fastdl bench``, for a checkout."""

import sys

from fastdl.cli import main

sys.exit(main(["bench", *sys.argv[1:]]))
