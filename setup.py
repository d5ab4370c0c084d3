# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Packaging: the metadata is in setup.cfg; this adds the configs and tools to the wheel."""

from __future__ import annotations

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithConfigs(build_py):
    """Copies configs/, tools/ and model-index.yml into ``tlpg_mmtrack/.mim`` of the wheel.

    OpenMMLab's installer ``mim`` looks there. An editable installation has the repository itself.
    """

    def run(self) -> None:
        """Build the package, then add the copies."""
        super().run()
        if self.editable_mode:
            return
        target = Path(self.build_lib) / 'tlpg_mmtrack' / '.mim'
        unwanted = shutil.ignore_patterns('__pycache__', '*.pyc', 'setup.sh')
        for folder in ('configs', 'tools'):
            shutil.copytree(folder, target / folder, ignore=unwanted, dirs_exist_ok=True)
        if Path('model-index.yml').is_file():
            shutil.copy2('model-index.yml', target)


setup(cmdclass={'build_py': BuildWithConfigs})
