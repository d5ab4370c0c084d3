# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""Makes mmtrack importable in programs that import it before anything of ours.

Python imports ``sitecustomize`` when it starts, if a folder of PYTHONPATH has one:

    PYTHONPATH=tools/startup mim train mmtrack CONFIG

Where tlpg_mmtrack is not installed, the repository's root belongs on PYTHONPATH too.
"""

import tlpg_mmtrack  # noqa: F401
