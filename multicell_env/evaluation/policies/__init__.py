"""What a policy is, how it is asked for the actions of all blocks, how it is tried, and how its errors are told."""

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
