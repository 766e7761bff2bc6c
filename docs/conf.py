"""How Sphinx builds the documentation: ``python -m sphinx -W -b html docs <out>`` with ``pip install '.[docs]'``.

The pages are Markdown; those of ``api/`` are made of the docstrings by the directives of ``api_pages.py``. Nothing is
fetched while building.
"""

import sys
from pathlib import Path

import fastdl

sys.path.insert(0, str(Path(__file__).parent))  # api_pages

project = "fastdl"
author = "The fastdl authors"
copyright = author
version = release = fastdl.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinxcontrib.mermaid", "api_pages"]
exclude_patterns = ["_*"]
nitpicky = True  # a cross reference that leads nowhere is a warning

html_theme = "furo"
html_title = f"fastdl {release}"
html_copy_source = False

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
myst_fence_as_directive = ["mermaid"]
mermaid_output_format = "raw"  # drawn by the reader's browser; the text of the diagram stands there without a network

smartquotes = False  # options are copied with their quotes
default_role = "code"  # what docstrings have in single backticks
autodoc_typehints = "none"  # shapes and dtypes, which the text gives, say more than Any
autodoc_member_order = "bysource"
add_module_names = False
python_maximum_signature_line_length = 100
toc_object_entries_show_parents = "hide"
