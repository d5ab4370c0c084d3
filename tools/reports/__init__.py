# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Pictures and tables of results folders, one file a job; ``tools/analysis`` has the commands."""
