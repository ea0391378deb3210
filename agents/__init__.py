"""Learned agents on the generic PettingZoo parallel API: TD3-MIX."""

from agents.joint import JointEnv
from agents.td3_mix import TD3Mix, TD3MixConfig
from agents.training import Training, TrainingConfig

__all__ = ["JointEnv", "TD3Mix", "TD3MixConfig", "Training", "TrainingConfig"]
