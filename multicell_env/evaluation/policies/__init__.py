"""Policies: their interface, calling them on all blocks, testing them, and reporting their errors."""

from multicell_env.evaluation.policies.deciding import decide
from multicell_env.evaluation.policies.errors import in_one_line, told_of
from multicell_env.evaluation.policies.modules import as_policy
from multicell_env.evaluation.policies.policy import (
    AnyPolicy,
    Policy,
    RowPolicy,
    begin,
    has_reset,
    has_seed,
    is_batched,
    is_stacked,
    observation_of,
    shown_name,
)

__all__ = [
    "AnyPolicy",
    "Policy",
    "RowPolicy",
    "as_policy",
    "begin",
    "decide",
    "has_reset",
    "has_seed",
    "in_one_line",
    "is_batched",
    "is_stacked",
    "observation_of",
    "shown_name",
    "told_of",
]
