"""Twin critics factored over the agents, and what mixes their values into Q_tot."""

from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from agents.actors import agent_shapes, check_image_like, joint_mask
from agents.joint import ActionMeaning, JointEnv
from agents.networks import (
    FlatStateEncoder,
    Mask,
    MLPCritic,
    MonotonicMixer,
    SetCritic,
    SetStateEncoder,
    token_mask,
)
from agents.td3_mix.config import TD3MixConfig


class MixedCritic(nn.Module):
    """Twins of Q_tot(s, a) = mixer(Q(s_1, a_1), ..., Q(s_B, a_B); s): one critic shared by all agents, and a monotonic mixer.

    Both twins are computed at once, on a leading axis; `twins=1` computes the first alone.

    Args:
        critic: Q(s_b, a_b) of every agent.
        state_encoder: Features of the state for the mixer, where there is one.
        mixer: A mixer, "sum" or "none".
        mask: False where an action's entry is padding; observations with a `mask` have one of every row.
        mixer_state: What the mixer reads: the environment's global state, where it has one, or all agents' observations.
        meaning: What actions mean, as planes that the critic reads beside the observation's; None where it reads actions alone.
    """

    def __init__(
        self,
        critic: nn.Module,
        state_encoder: nn.Module | None,
        mixer: MonotonicMixer | Literal["sum", "none"],
        mask: Mask,
        mixer_state: Literal["state", "observations"] = "state",
        meaning: ActionMeaning | None = None,
    ) -> None:
        super().__init__()
        self.critic = critic
        self.state_encoder = state_encoder
        self.mixer = mixer
        self.mixer_state = mixer_state
        self.meaning = meaning
        self.mask: Mask
        self.register_buffer("mask", mask, persistent=False)

    def agent_values(self, obs: Any, act: Any, *, twins: int = 2) -> Float[Tensor, "twin batch agent"]:
        """Q(s_b, a_b) of every agent, before mixing."""
        observation, action = as_tensor(obs["observation"]), as_tensor(act)
        if self.meaning is not None:
            observation = torch.cat([observation, self.meaning(observation, action)], dim=-3)
        return self.critic(observation, action, mask_of(obs, self.mask), twins=twins)

    def mix(self, values: Float[Tensor, "twin batch agent"], obs: Any) -> Float[Tensor, "twin batch *agent"]:
        """Q_tot of given agents' values. For "sum" their mean: in these units an agent's share of Q_tot is (offset + scale Q_b) / B."""
        if self.state_encoder is None or not isinstance(self.mixer, MonotonicMixer):
            return values if self.mixer == "none" else values.mean(dim=-1)
        state = as_tensor(obs["state"] if self.mixer_state == "state" and "state" in obs else obs["observation"])
        mask = as_tensor(obs["mask"]) if "mask" in obs else token_mask(self.mask)
        return self.mixer(values, self.state_encoder(state, mask, twins=len(values)))

    def forward(self, obs: Any, act: Any, *, twins: int = 2) -> Float[Tensor, "twin batch *agent"]:
        """Q_tot, in units of `TD3Mix.value_scale` around `TD3Mix.value_offset`; every agent's own idea of it for the mixer "none"."""
        return self.mix(self.agent_values(obs, act, twins=twins), obs)


def build_critic(env: JointEnv, config: TD3MixConfig) -> MixedCritic:
    """Fresh twin critics with their mixers for the environment.

    Raises:
        ValueError: `network="set"` on an environment whose spaces are not image-like, or critics that would read what actions mean where
            the environment does not tell it.
    """
    observation_shape, action_shape = agent_shapes(env)
    num_agents, feature_size = len(env.agents), config.hidden_sizes[-1]
    own_state = env.state_box if config.mixer_state == "state" else None
    state_shape = (own_state or env.observation_box).shape
    mask, meaning = joint_mask(env), meaning_of(env, config)
    if config.network == "mlp":
        critic: nn.Module = MLPCritic(observation_shape, action_shape, config.hidden_sizes)
    else:
        check_image_like(observation_shape, action_shape)
        num_planes = observation_shape[0] if meaning is None else _num_planes_with(meaning, observation_shape, action_shape)
        critic = SetCritic(num_planes, config.hidden_sizes, action_shape[:-2])
    if config.mixer in ("sum", "none"):
        return MixedCritic(critic, None, config.mixer, mask, meaning=meaning)
    features = (feature_size,) * config.mixing_layers
    is_cellwise = len(state_shape) == 4 and (state_shape[0], *state_shape[2:]) == (num_agents, *action_shape[-2:])
    if config.network == "set" and is_cellwise:
        encoder: nn.Module = SetStateEncoder(state_shape[1], features)
    elif config.mixer_state == "observations":
        encoder = FlatStateEncoder(observation_shape, num_agents, features, in_parts=True)
    else:
        encoder = FlatStateEncoder(state_shape, num_agents, features)
    mixer = MonotonicMixer(feature_size, config.mixing_size, config.mixing_layers, is_residual=config.mixer == "residual")
    return MixedCritic(critic, encoder, mixer, mask, config.mixer_state, meaning)


def meaning_of(env: JointEnv, config: TD3MixConfig) -> ActionMeaning | None:
    """What the critics read of actions beside themselves, where that was asked for.

    Raises:
        ValueError: the environment does not tell what its actions mean, or the critics cannot read planes.
    """
    if config.critic_input == "action":
        return None
    if env.action_meaning is None or config.network != "set":
        raise ValueError(
            f"critic_input 'meaning' needs network 'set' and an environment with `action_meaning`; got network {config.network!r} and "
            f"{'one' if env.action_meaning is not None else 'none'}. Give critic_input 'action', or observations and actions of prices."
        )
    return env.action_meaning


def _num_planes_with(meaning: ActionMeaning, observation_shape: tuple[int, ...], action_shape: tuple[int, ...]) -> int:
    planes = meaning(torch.zeros(1, *observation_shape), torch.zeros(1, *action_shape))
    return observation_shape[0] + planes.shape[-3]


def mask_of(obs: Any, mask: Mask) -> Mask:
    """The mask of every row, where observations have one, or of all."""
    return as_tensor(obs["mask"]).bool() if "mask" in obs else mask


def as_tensor(array: Any) -> Tensor:
    """A float32 tensor of an array, or the tensor itself."""
    return array if isinstance(array, Tensor) else torch.as_tensor(array, dtype=torch.float32)
