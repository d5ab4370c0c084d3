# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Every registered component; mmtrack's registries import this module when first asked."""

from . import datasets, engine  # noqa: F401
from .evaluation import resumable_test_loop, tlpg_sot_metric  # noqa: F401
from .models import (  # noqa: F401
    adapters,
    backbones,
    heads,
    label_assignment,
    learners,
    losses,
    necks,
    trackers,
)
