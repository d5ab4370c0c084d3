# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Evaluation: measures of boxes and regions, results on disk, and mmengine's metric and loop.

Nothing is imported here: mmtrack, which the metric and the loop need, takes seconds.
"""
