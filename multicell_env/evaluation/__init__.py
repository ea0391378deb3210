"""Play policies and allocations on equal blocks; results, tables and pictures."""

from multicell_env.evaluation.comparison import compare
from multicell_env.evaluation.playing import draw_blocks, evaluate_allocations, evaluate_policy

__all__ = ["compare", "draw_blocks", "evaluate_allocations", "evaluate_policy"]
