# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""The target model's optimiser and the problems it solves."""

from .joint_problem import JointProblem, scale_gradient
from .offset_field import OffsetField
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
    weighted_hinge,
)
from .sd_optimizer import Minimisation, SDOptimizer

__all__ = [
    'Evaluation',
    'FilterProblem',
    'JointProblem',
    'Line',
    'Minimisation',
    'OffsetField',
    'Parameters',
    'RegressionProblem',
    'ResidualProblem',
    'SDOptimizer',
    'gaussian_labels',
    'hinge_residual',
    'plain_sampler',
    'scale_gradient',
    'weighted_hinge',
]
