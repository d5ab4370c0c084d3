# Copyright (c) TLPG-Tracker authors. Licensed under the Apache License 2.0.
"""How target models are learned: learners, the problems they minimise, and the optimiser."""

from .learners import (
    AlternateLearner,
    FilterLearner,
    JointLearner,
    Learned,
    Learner,
    TargetProblems,
)
from .residual_problems import (
    Evaluation,
    FilterProblem,
    JointProblem,
    Parameters,
    RegressionProblem,
    ResidualProblem,
    plain_sampler,
)
from .sd_optimizer import Minimisation, SDOptimizer
