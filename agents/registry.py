"""The registry of learners. Importing this module does not import torch.

To add a learner, put it and its entry in a folder of its own, and add a line here. `train.py --algo NAME` then trains it.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from agents.apg.entry import APG
from agents.learner import Learner
from agents.td3_mix.entry import TD3_MIX

LEARNERS: Mapping[str, Learner[Any, Any]] = MappingProxyType({learner.name: learner for learner in (TD3_MIX, APG)})
"""Learners by name. The first is the default of train.py."""


def learner_of(config: object) -> Learner[Any, Any]:
    """The learner that a configuration of hyperparameters belongs to.

    Raises:
        TypeError: it belongs to no learner.
    """
    for learner in LEARNERS.values():
        if isinstance(config, learner.config):
            return learner
    known = ", ".join(learner.config.__name__ for learner in LEARNERS.values())
    raise TypeError(f"hyperparameters must be one of {known}; got {type(config).__name__}. Give one of them, or register the learner.")
