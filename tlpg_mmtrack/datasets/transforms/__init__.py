# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Transforms that turn sequences into training crops."""
