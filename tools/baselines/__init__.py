# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Other trackers in the same harness: the same frames, boxes, files and measures."""
