"""The vectorised environment on a torch device. A step copies nothing to the host."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from gymnasium.spaces import Box
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from jaxtyping import Bool, Float
from torch import Tensor

from multicell_env.arguments import checked_counts, reset_mask, resolve_config, seeds_of_each
from multicell_env.channels.recorded import split_channels
from multicell_env.config import NetworkConfig
from multicell_env.env import MulticellEnv
from multicell_env.observation import Observation, observation_limits, state_kind
from multicell_env.tensors.compiling import one_program
from multicell_env.tensors.playing import Measured, Network, Progress, Round, play_for_rewards
from multicell_env.tensors.showing import arranged, changing_planes
from multicell_env.tensors.state import Beginning, BlockState, block_last, put, tensors_of, with_tensors

Observations = Float[Tensor, "env cell plane band user"]
Step = tuple[Observations, Float[Tensor, "env cell"], Bool[Tensor, " env"], Bool[Tensor, " env"], dict[str, Tensor]]
MOST_SEED = 2**63
"""Seeds are taken modulo this number."""


COUNTS = ("seeds", "numbers", "has_seed", "steps_left")
"""Numbers that the host keeps for every environment."""


class TorchVectorEnv(VectorEnv[Any, Any, Any]):
    """Independent blocks of one network as tensors `[env, cell, ...]` on any device of torch, with Gymnasium's vector interface.

    It plays the game of `multicell_env.MulticellVectorEnv`, with the readable equations on tensors: the same rules, observations, rewards,
    infos and automatic resets, up to rounding. Differences:

    * Channels are drawn on the device by a counter-based generator (Philox). Block n of an environment depends on its seed and on n only.
      Channels have the same distribution as in the NumPy environments, but other values. Last digits differ between devices.
    * `step` copies nothing to the host and does not check the values of actions. NaN stays in a block to its end. `step` has no gradients;
      use `differentiable_rewards`.
    * `reset(options={"channels": dense})` starts all blocks on given channels `[env, tx_cell, rx_cell, band, antenna, user]`; zero-forcing
      must be able to serve every user in every band.
    * A reset with a mask that is a tensor copies the mask to the host.

    On a CPU `MulticellVectorEnv` is several times faster.

    Args:
        num_envs: Number of environments, E.
        config: The network; the paper's (8, 4) network by default.
        device: A torch device: "cpu", "cuda", "mps".
        observation: "csi", "gain" or "price".
        autoreset_mode: SAME_STEP starts a new block in the step that ended the old one; DISABLED waits for `reset` with a mask.
        compiled: Whether to use `torch.compile` for a step (compiled at the first step) and for drawing and beamforming (compiled at the
            first reset). It takes from seconds to minutes, more with larger k. A compiled draw always has a fixed number of blocks, some
            hundred for a small network, even if fewer are needed.
        max_cycles: PettingZoo's name for the number of steps, `num_slots` times `rounds_per_slot`.
        **overrides: Fields of `NetworkConfig` to change.

    Raises:
        ValueError: a field breaks its rule, `num_envs` is not a positive integer, the mode is not supported, measurements have errors, or
            channels are not Rayleigh.
        TypeError: an argument that does not exist.
    """

    def __init__(
        self,
        num_envs: int,
        config: NetworkConfig | None = None,
        *,
        device: torch.device | str = "cpu",
        observation: Observation = "csi",
        autoreset_mode: AutoresetMode = AutoresetMode.SAME_STEP,
        compiled: bool = False,
        max_cycles: int | None = None,
        **overrides: Any,
    ) -> None:
        (self.num_envs,) = checked_counts(num_envs=num_envs)
        if autoreset_mode not in (AutoresetMode.SAME_STEP, AutoresetMode.DISABLED):
            raise ValueError(f"autoreset_mode must be AutoresetMode.SAME_STEP or DISABLED; got {autoreset_mode!r}. Choose one of the two.")
        self.config = config = resolve_config(config, max_cycles=max_cycles, **overrides)
        _refuse_what_is_not_on_devices(config)
        self.device = torch.device(device)
        self.observation: Observation = observation
        single = MulticellEnv(config, observation=observation)
        self.metadata = {"name": single.metadata["name"], "render_modes": [], "autoreset_mode": autoreset_mode}
        self.possible_agents = single.possible_agents
        self.action_spaces, self.observation_spaces = single.action_spaces, single.observation_spaces
        self.single_action_space = Box(*config.action_limits, (config.num_cells, *config.action_shape(config.max_users)), np.float32)
        limit = np.stack([observation_limits(observation, config, cell, padded=True) for cell in range(config.num_cells)])
        self.single_observation_space = Box(-limit, limit, dtype=np.float32)
        self.single_state_space = single.state_space
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.state_is_observation = observation == state_kind(observation)
        """Whether `state()` equals the observations that `step` returned."""
        hears = "price" in (observation, config.action) or config.negotiation == "pricing"
        self._beginning = Beginning(config, observation, self.device, hears_prices=hears, compiled=compiled)
        slot = partial(_slot, config, observation)
        self._slot: Any = one_program(slot, self.device) if compiled else slot
        self._blocks: BlockState | None = None
        self._seeds, self._numbers = np.zeros(self.num_envs, np.int64), np.zeros(self.num_envs, np.int64)
        self._has_seed = np.zeros(self.num_envs, bool)
        # The host keeps the counters, because the length of an episode does not depend on values.
        self._steps_left = np.full(self.num_envs, -1)

    def reset(
        self, *, seed: int | Sequence[int | None] | np.ndarray | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[Observations, dict[str, Tensor]]:
        """Start new blocks in all environments, or in those that a mask selects.

        Args:
            seed: One seed per environment; a single number s gives environment i the seed s + i. With None an environment continues with
                the next block of its seed. Environments that the mask leaves out use a seed only if they have never had one.
            options: `{"reset_mask": bool [env]}`, an array or a tensor, resets the environments where it is True. `{"channels": dense}`
                starts all blocks on given channels. Unknown keys are ignored.

        Returns:
            Observations `[env, cell, plane, band, user]` and infos of all environments.

        Raises:
            ValueError: a wrong number of seeds, a mask of another shape or type, channels together with a mask, of another shape or
                out of range, or a user that cannot be separated from the others of its cell.
        """
        asked = dict(options or {})
        channels, mask = asked.pop("channels", None), asked.get("reset_mask")
        if isinstance(mask, Tensor):
            asked["reset_mask"] = mask.cpu().numpy()
        chosen = reset_mask(asked, self.num_envs)
        for env, own in enumerate(seeds_of_each(seed, self.num_envs)):
            if own is not None and (chosen[env] or not self._has_seed[env]):
                self._seeds[env], self._numbers[env], self._has_seed[env] = own % MOST_SEED, 0, True
        new = np.flatnonzero(~self._has_seed)
        self._seeds[new] = np.random.SeedSequence().generate_state(len(new), np.uint64) >> np.uint64(1)
        self._has_seed[new] = True
        if channels is None:
            self._begin(np.flatnonzero(chosen))
        elif chosen.all():
            self._begin(np.arange(self.num_envs), self._given(channels))
        else:
            raise ValueError("channels are given to all environments at once; got a reset_mask beside them. Leave one of the two out.")
        assert self._blocks is not None
        blocks, power = self._blocks, self._blocks.progress.powers * self.config.power_unit
        rates = torch.zeros_like(blocks.progress.power_budget)
        return self._beginning.seen(blocks), {"power": power.contiguous(), "sum_rate": rates.contiguous(), **self._marks(0.0 * rates[:, 0])}

    @torch.no_grad()
    def step(self, actions: Float[Tensor, "env cell *plane band user"]) -> Step:
        """Play one slot in every environment, or with `rounds_per_slot` > 1 one round of a slot.

        Args:
            actions: Fractions or price multipliers, in the shape of `action_space`.

        Returns:
            Observations, rewards `[env, cell]` in bit/s/Hz, terminations `[env]`, truncations `[env]` and infos.

        Raises:
            RuntimeError: an environment has no block, or its block has ended.
            ValueError: actions of another shape. The environments are then unchanged.
            TypeError: actions are not a tensor on this device.
        """
        blocks = self._playing()
        network = self._beginning.on(blocks)
        played, rewards, changing = self._slot(network, blocks.progress, blocks.measured, block_last(self._checked(actions)))
        planes = arranged(self.observation, blocks.static, changing).to(torch.float32)
        power, rates = (played.progress.powers * self.config.power_unit).contiguous(), played.rates.sum(dim=-1)
        self._blocks = blocks._replace(progress=played.progress, measured=played.measured)
        self._steps_left -= 1
        over = self._steps_left == 0
        infos = {"power": power, "sum_rate": rates, **self._marks(played.transmits)}
        truncated = self._flags(over)
        if over.any() and self.metadata["autoreset_mode"] == AutoresetMode.SAME_STEP:
            infos |= {"final_obs": planes, "_final_obs": truncated.clone()}
            self._begin(np.flatnonzero(over))
            planes = self._beginning.seen(self._playing())
        return planes, rewards, self._flags(np.zeros_like(over)), truncated, infos

    def state_dict(self) -> dict[str, Any]:
        """The full state of the environments: copies of tensors on the host, and counters.

        Raises:
            RuntimeError: there are no blocks.
        """
        blocks = [None if tensor is None else tensor.detach().cpu().clone() for tensor in tensors_of(self._playing())]
        return {"blocks": blocks, **{name: getattr(self, f"_{name}").copy() for name in COUNTS}}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore a state of environments with the same constructor arguments.

        Raises:
            KeyError: `state` is not such a dict.
            RuntimeError: there are no blocks yet.
            ValueError: it is the state of other environments. These environments are then unchanged.
        """
        new = (None if tensor is None else torch.as_tensor(tensor) for tensor in state["blocks"])
        blocks, counts = with_tensors(self._playing(), new), {name: np.array(state[name]) for name in COUNTS}
        self._blocks = blocks
        for name, values in counts.items():
            setattr(self, f"_{name}", values)

    def differentiable_rewards(self, actions: Float[Tensor, "env cell *plane band user"]) -> Float[Tensor, "env cell"]:
        """The rewards, bit/s/Hz, that `step` would return for these actions, with gradients; no step is played.

        Raises:
            RuntimeError, ValueError: as `step`.
        """
        blocks = self._playing()
        network = self._beginning.on(blocks)
        return play_for_rewards(self.config, network, blocks.progress, blocks.measured, self._checked(actions), checked=False, folds=True)[
            1
        ]

    def state(self) -> Float[Tensor, "env cell plane band user"]:
        """Global state for centralised training, float32: the "price" planes of all cells if these are observed, else "gain" planes.

        Raises:
            RuntimeError: before `reset`.
        """
        if self._blocks is None:
            raise RuntimeError("An environment has no block yet: call reset() first.")
        return self._beginning.seen(self._blocks, state_kind(self.observation))

    def hold(self) -> Float[Tensor, "env cell *plane band user"]:
        """Actions that repeat the last powers, float32 fractions of the next slot's budget; as `MulticellVectorEnv.hold`."""
        blocks = self._playing()
        powers = blocks.progress.powers
        if self.config.action == "price":
            return torch.zeros_like(powers, dtype=torch.float32).contiguous()
        budgets = (blocks.progress.power_budget / self._beginning.network.num_users)[..., None, None]
        fractions = (powers / torch.maximum(budgets, powers.sum(dim=-2, keepdim=True))).to(torch.float32).contiguous()
        return torch.stack([fractions, torch.zeros_like(fractions)], dim=2) if self.config.damping_in_action else fractions

    def _playing(self) -> BlockState:
        if self._blocks is None or self._steps_left.min() < 1:
            waiting = np.flatnonzero(self._steps_left < 1)
            raise RuntimeError(
                f"{waiting.size} environments have no block to play, the first {waiting[:8].tolist()}: call reset(), or "
                "reset(options={'reset_mask': mask}) to reset only those."
            )
        return self._blocks

    def _begin(self, rows: np.ndarray, given: BlockState | None = None) -> None:
        """Start new blocks in some environments, in order."""
        is_first = self._blocks is None  # then every row gets a block, even if it is not played
        drawn = np.arange(self.num_envs) if is_first else rows
        if given is not None or len(drawn) > 0:
            new = given or self._beginning.drawn(self._sent(self._seeds[drawn]), self._sent(self._numbers[drawn]))
            if len(drawn) == self.num_envs:
                self._blocks = new
            else:
                put(self._blocks, self._sent(rows), new)
        if given is None:
            self._numbers[rows] += 1
        self._steps_left[rows] = self.config.num_steps

    def _given(self, channels: Any) -> BlockState:
        dense = channels.cpu().numpy() if isinstance(channels, Tensor) else np.asarray(channels)
        if len(dense) != self.num_envs:
            raise ValueError(f"channels must be of {self.num_envs} blocks; got {len(dense)}. Give one for each environment.")
        own, cross = (np.stack(arrays) for arrays in zip(*(split_channels(self.config, one, strict=True) for one in dense), strict=True))
        return self._beginning.given(self._sent(own), self._sent(cross))

    def _sent(self, array: np.ndarray) -> Tensor:
        return torch.from_numpy(array).to(self.device)

    def _flags(self, flags: np.ndarray) -> Bool[Tensor, " env"]:
        if flags.any() and not flags.all():
            return self._sent(flags)
        return torch.full(flags.shape, bool(flags[0]), device=self.device)

    def _marks(self, transmits: Tensor) -> dict[str, Tensor]:
        return {"transmitted": transmits > 0.5} if self.config.rounds_per_slot > 1 else {}

    def _checked(self, actions: Tensor) -> Tensor:
        if not isinstance(actions, Tensor) or actions.device.type != self.device.type:
            got = actions.device if isinstance(actions, Tensor) else type(actions).__name__
            raise TypeError(f"actions must be a tensor on {self.device}; got {got}. Make them there.")
        if actions.shape != self.action_space.shape:
            raise ValueError(
                f"actions must be [env, cell, ..., band, user] of shape {self.action_space.shape}; got {tuple(actions.shape)}. "
                f"Give {self.config.action_entries}."
            )
        return actions


def _slot(
    config: NetworkConfig, observation: Observation, network: Network, progress: Progress, measured: Measured, actions: Tensor
) -> tuple[Round, Tensor, tuple[Tensor, ...]]:
    """One round of every block: its results, the rewards, and the planes of the observation that change."""
    played, rewards = play_for_rewards(config, network, progress, measured, actions, checked=False, folds=True)
    return played, rewards, changing_planes(observation, config, network, played.progress, played.measured)


def _refuse_what_is_not_on_devices(config: NetworkConfig) -> None:
    if config.measurement_error_db > 0.0:
        raise ValueError(
            f"measurement_error_db must be 0 on a device; got {config.measurement_error_db:g}. Give 0, or take MulticellVectorEnv."
        )
    if config.channel_model != "rayleigh":
        raise ValueError(
            f"channel_model must be 'rayleigh' on a device; got {config.channel_model!r}. Give it, or take MulticellVectorEnv."
        )
    if config.schedule != "none":
        raise ValueError(f"schedule must be 'none' on a device; got {config.schedule!r}. Give it, or take MulticellVectorEnv.")
