# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""The tracker as other evaluation programs want it; each module needs that program's package."""
