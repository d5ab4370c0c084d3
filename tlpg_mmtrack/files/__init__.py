# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Configs and weights on disk: reading them, writing them, and where the shipped ones lie."""
