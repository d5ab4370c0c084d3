# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""The allocator setting keeps freed blocks: fewer pages are faulted in again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

MODULE = Path(__file__).resolve().parents[2] / 'tools' / 'allocator.py'

# In a process of its own, since the setting cannot be taken back; the module is run from its file,
# without the rest of the package, which takes many times longer to import.
SCRIPT = """
import resource, runpy, sys
import numpy as np

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        np.ones(6_000_000)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

default = faults()
assert runpy.run_path(sys.argv[1])['keep_freed_memory']()
print(default, faults())
"""


@pytest.mark.skipif(not sys.platform.startswith('linux'), reason='mallopt is glibc')
def test_freed_blocks_are_reused() -> None:
    command = [sys.executable, '-c', SCRIPT, str(MODULE)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    default, kept = map(int, printed.split())
    # 20 arrays of 48 MB are 234,000 pages of 4 KiB; reused, they are 12,000. Pages may be larger.
    assert kept < default / 2
