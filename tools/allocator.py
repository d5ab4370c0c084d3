# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Keep glibc from returning freed memory to the kernel at every step."""

from __future__ import annotations

import ctypes
import sys

# Parameter numbers of mallopt, from glibc's malloc.h.
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4


def keep_freed_memory() -> bool:
    """Make the C allocator reuse freed blocks instead of unmapping and faulting them in again.

    glibc maps every block over 32 MB anew and unmaps it when PyTorch frees it, so that a training
    step on a CPU spends much of its time clearing pages. The process keeps its peak memory
    afterwards, so this is for programs that own their process.

    Returns:
        Whether the setting took effect; False where the C library is not glibc.
    """
    mallopt = getattr(ctypes.CDLL(None), 'mallopt', None) if sys.platform == 'linux' else None
    if mallopt is None:
        return False
    settings = ((M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, 2**31 - 1), (M_TOP_PAD, 2**28))
    return all([bool(mallopt(parameter, value)) for parameter, value in settings])
