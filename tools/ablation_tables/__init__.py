# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""The paper's ablation tables: which config is which row, its weights, and the table."""
