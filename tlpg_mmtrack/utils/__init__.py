# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Tools that any part of the package may use."""
