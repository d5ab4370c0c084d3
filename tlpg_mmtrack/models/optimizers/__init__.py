# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
