"""Comparison of policies and allocations on the same blocks: results, tables and pictures.

Tables, pictures and `compare` need the extra `plots`.
"""

from multicell_env.allocations.registry import METHODS, QUICK_METHODS
from multicell_env.evaluation.comparison import compare
from multicell_env.evaluation.playing import evaluate_allocations, evaluate_policy, fractions_of
from multicell_env.evaluation.policies import Policy, decide
from multicell_env.evaluation.results import MethodResult, percent_of_best_known, percent_of_bound
from multicell_env.evaluation.unseen_blocks import FIRST_SEED, draw_blocks

__all__ = [
    "FIRST_SEED",
    "METHODS",
    "QUICK_METHODS",
    "MethodResult",
    "Policy",
    "compare",
    "decide",
    "draw_blocks",
    "evaluate_allocations",
    "evaluate_policy",
    "fractions_of",
    "percent_of_best_known",
    "percent_of_bound",
]
