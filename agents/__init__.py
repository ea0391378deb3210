"""Learned agents on the generic PettingZoo parallel API: TD3-MIX, and the analytic policy gradient."""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agents.apg.config import APGConfig, APGTrainingConfig
    from agents.apg.rounds import RoundsTraining
    from agents.apg.training import APGTraining
    from agents.joint import JointEnv
    from agents.loading import load, shipped
    from agents.pool import PoolEnv, PoolTraining
    from agents.saved_actor import ActorPolicy
    from agents.td3_mix.algorithm import TD3Mix
    from agents.td3_mix.config import TD3MixConfig, TrainingConfig
    from agents.td3_mix.training import Training

__all__ = [
    "APGConfig",
    "APGTraining",
    "APGTrainingConfig",
    "ActorPolicy",
    "JointEnv",
    "PoolEnv",
    "PoolTraining",
    "RoundsTraining",
    "TD3Mix",
    "TD3MixConfig",
    "Training",
    "TrainingConfig",
    "load",
    "shipped",
]

_MODULES = {
    "APGConfig": "agents.apg.config",
    "APGTraining": "agents.apg.training",
    "APGTrainingConfig": "agents.apg.config",
    "ActorPolicy": "agents.saved_actor",
    "JointEnv": "agents.joint",
    "PoolEnv": "agents.pool",
    "PoolTraining": "agents.pool",
    "RoundsTraining": "agents.apg.rounds",
    "TD3Mix": "agents.td3_mix.algorithm",
    "TD3MixConfig": "agents.td3_mix.config",
    "Training": "agents.td3_mix.training",
    "TrainingConfig": "agents.td3_mix.config",
    "load": "agents.loading",
    "shipped": "agents.loading",
}


def __getattr__(name: str) -> object:
    # Torch takes seconds to import, which a command line that refuses its arguments need not wait for.
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULES[name]), name)
