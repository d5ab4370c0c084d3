# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Keep glibc from returning freed memory to the kernel at every step."""

from __future__ import annotations

import ctypes
import sys

# Parameter numbers of mallopt, from glibc's malloc.h.
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4
TOP_PAD = 256 * 2**20


def keep_freed_memory() -> bool:
    """Make the C allocator reuse freed blocks instead of unmapping and faulting them in again.

    PyTorch on a CPU allocates each result anew; glibc maps every block over 32 MB from the kernel
    and unmaps it when it is freed, so that a training step spends much of its time clearing
    pages. The process keeps its peak memory afterwards, so this is called by the tools, which own
    their process, and never by importing the package.

    Returns:
        Whether the setting took effect; False where the C library is not glibc.
    """
    if not sys.platform.startswith('linux'):
        return False
    mallopt = getattr(ctypes.CDLL(None), 'mallopt', None)
    if mallopt is None:
        return False
    settings = ((M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, 2**31 - 1), (M_TOP_PAD, TOP_PAD))
    return all([bool(mallopt(parameter, value)) for parameter, value in settings])
