"""Learned agents on the generic PettingZoo parallel API: TD3-MIX, and the analytic policy gradient."""

from agents.apg import APGConfig, APGTraining, APGTrainingConfig
from agents.joint import JointEnv
from agents.loading import load, shipped
from agents.pool import PoolEnv, PoolTraining
from agents.saved_actor import ActorPolicy
from agents.td3_mix import TD3Mix, TD3MixConfig
from agents.training import Training, TrainingConfig

__all__ = [
    "APGConfig",
    "APGTraining",
    "APGTrainingConfig",
    "ActorPolicy",
    "JointEnv",
    "PoolEnv",
    "PoolTraining",
    "TD3Mix",
    "TD3MixConfig",
    "Training",
    "TrainingConfig",
    "load",
    "shipped",
]
