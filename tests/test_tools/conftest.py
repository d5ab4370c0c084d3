# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Commands run as from the command line."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from written_runs import Run, load_tool


@pytest.fixture
def run_here(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a tool in this process; its exit code and what it printed."""
    # It cannot be taken back.
    monkeypatch.setattr('tlpg_tools.allocator.keep_freed_memory', lambda: None)

    def run(name: str, *arguments: str | Path, folder: Path) -> tuple[int, str]:
        monkeypatch.chdir(folder)
        monkeypatch.setattr(sys, 'argv', [name, *map(str, arguments)])
        capsys.readouterr()
        code = load_tool(name).main()
        return code, ''.join(capsys.readouterr())

    return run
