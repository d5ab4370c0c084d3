# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""The target model's optimiser and the problems it solves."""

from .residual_problems import (
    Evaluation,
    FilterProblem,
    Line,
    Parameters,
    RegressionProblem,
    ResidualProblem,
    gaussian_labels,
    hinge_residual,
    plain_sampler,
)
from .sd_optimizer import Minimisation, SDOptimizer

__all__ = [
    'Evaluation',
    'FilterProblem',
    'Line',
    'Minimisation',
    'Parameters',
    'RegressionProblem',
    'ResidualProblem',
    'SDOptimizer',
    'gaussian_labels',
    'hinge_residual',
    'plain_sampler',
]
