# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""How Sphinx builds the documentation; `make docs` calls it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY))

import tlpg_mmtrack  # noqa: E402

project = 'tlpg_mmtrack'
author = 'TLPG-Tracker authors'
project_copyright = author
version = release = tlpg_mmtrack.__version__

extensions = [
    'myst_parser',
    'sphinx.ext.apidoc',
    'sphinx.ext.autodoc',
    'sphinx.ext.napoleon',
]
exclude_patterns = ['logs', 'images', 'api/modules.rst']
html_theme = 'furo'
html_title = 'tlpg_mmtrack'
highlight_language = 'none'

# The pages link to each other as they do on a web page of the repository.
myst_heading_anchors = 3

apidoc_modules = [
    {
        'path': '../tlpg_mmtrack',
        'destination': 'api',
        'separate_modules': True,
        'module_first': True,
        'automodule_options': {'members', 'show-inheritance'},
    }
]
# A package's `__all__` repeats what its modules define.
autodoc_default_options = {'ignore-module-all': True}
autodoc_typehints = 'signature'
autodoc_member_order = 'bysource'
napoleon_google_docstring = True
napoleon_numpy_docstring = False
# A named tuple's fields would be described twice otherwise.
napoleon_use_ivar = True
# Optional: programs that the tracker can be called from.
autodoc_mock_imports = ['got10k', 'trax']

# What lies outside this folder, by the page here that shows it.
SHOWN_HERE = {
    '../benchmarks/README.md': 'benchmarks.md',
    '../docs/': '',
}


def relink(text: str) -> str:
    """Point a page's links to files outside this folder at the pages that show them."""
    for target, page in SHOWN_HERE.items():
        text = text.replace(f']({target}', f']({page}')
    return text


def setup(app: Any) -> None:
    """Register what Sphinx calls."""

    def relink_page(app: Any, name: str, source: list[str]) -> None:
        source[0] = relink(source[0])

    def relink_included(app: Any, path: Path, parent: str, source: list[str]) -> None:
        source[0] = relink(source[0])

    app.connect('source-read', relink_page)
    app.connect('include-read', relink_included)
