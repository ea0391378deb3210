"""All learners, one entry each. Importing this imports no torch.

A new learner is a folder of its own, with its entry in it, and a line here; `train.py --algo NAME` then trains it.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from agents.apg.entry import APG
from agents.learner import Learner
from agents.td3_mix.entry import TD3_MIX

LEARNERS: Mapping[str, Learner[Any, Any]] = MappingProxyType({learner.name: learner for learner in (TD3_MIX, APG)})
"""By their names; the first is what train.py takes where none is named."""


def learner_of(config: object) -> Learner[Any, Any]:
    """The learner whose hyperparameters these are.

    Raises:
        TypeError: they are no learner's.
    """
    for learner in LEARNERS.values():
        if isinstance(config, learner.config):
            return learner
    known = ", ".join(learner.config.__name__ for learner in LEARNERS.values())
    raise TypeError(f"hyperparameters must be one of {known}; got {type(config).__name__}. Give one of them, or register the learner.")
