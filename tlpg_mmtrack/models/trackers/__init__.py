# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""The tracker and what it keeps of a target."""

from .frame_network import FrameNetwork
from .options import TrackingOptions
from .target_state import TargetState
from .tlpg import TLPG
