"""The vectorised environment: many independent blocks that are stepped together in one set of arrays."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium.spaces import Box
from gymnasium.utils import seeding
from gymnasium.vector import VectorEnv
from gymnasium.vector.utils import batch_space
from jaxtyping import Bool, Float

from multicell_env.arguments import checked_counts, reset_mask, resolve_config, seeds_of_each
from multicell_env.batched.autoreset import AutoresetMode, checked_mode
from multicell_env.batched.dict_face import DictFace
from multicell_env.batched.progress import Progress
from multicell_env.blocks import NOT_BEGUN, Blocks
from multicell_env.channels.pool import Channels, RecordedChannels, channels_of
from multicell_env.config import NetworkConfig
from multicell_env.config_checks import as_array
from multicell_env.differentiable import DifferentiableGame
from multicell_env.env import MulticellEnv
from multicell_env.model.types import Array
from multicell_env.observation import Observation, Observer, check_limits, observation_limits, observe, state_kind
from multicell_env.rewards import play_for_rewards
from multicell_env.scheduling.served import of_all
from multicell_env.streams import error_stream

NOBODY = np.empty(0, np.int64)
Observations = Float[np.ndarray, "env cell plane band user"]
Step = tuple[Observations, Float[np.ndarray, "env cell"], Bool[np.ndarray, " env"], Bool[np.ndarray, " env"], dict[str, Any]]


class MulticellVectorEnv(Progress, VectorEnv[Observations, np.ndarray, np.ndarray]):
    """Independent blocks of one network in one set of arrays `[env, cell, ...]`, with Gymnasium's vector interface.

    Environment i equals a `MulticellEnv` bit for bit: the same seed and the same actions give the same numbers. `as_dicts()` gives the
    same environments with arrays by agent, `{agent: array[env, ...]}`.

    * Action: fractions `[env, cell, band, user]` of each user's slot budget. With `damping_in_action` it is `[env, cell, 2, band, user]`,
      and with `action="price"` it holds price multipliers `[env, cell, band, user]`. Entries of padded users are ignored.
      float32 is fastest.
    * Observation: `[env, cell, plane, band, user]`, float32. Cells with fewer users are padded with constants.
    * Reward: `[env, cell]`, bit/s/Hz; Gymnasium's wrappers for single-agent rewards therefore do not apply. Termination (always False)
      and truncation: `[env]`.
    * Infos: `power` `[env, cell, band, user]`, in sigma^2, and `sum_rate` `[env, cell]`, bit/s/Hz, of the slot that was played. With
      R > 1 rounds a slot also `transmitted` `[env]`: whether the round was the last of its slot. On recorded channels also `blocked`
      `[env, cell, band, user]`: whether a user has no beam. If an environment was reset in the same step, `final_obs` holds the last
      observation of its old block, and `_final_obs` `[env]` says which environments these are.
    * With a `schedule` that does not serve all users, infos are of all users, and actions and observations of the served ones. Infos then
      also have `scheduled` `[env, cell, user]`, 1 for users served in the next slot, `user_rates` and `average_rates`; see
      `multicell_env.scheduling`.

    Args:
        num_envs: Number of environments, E.
        config: The network; the paper's (8, 4) network by default.
        observation: "csi", "gain" or "price".
        autoreset_mode: Gymnasium's `AutoresetMode`, or its name. SAME_STEP starts a new block in the step that ended the old one. NEXT_STEP
            starts it in the next step, which ignores the environment's action and has reward 0. DISABLED waits for `reset` with a mask.
        num_threads: Threads that share the environments. Results do not depend on it.
        channels: A channel model, or a pool of recorded channels, by default its training part; as for `MulticellEnv`.
        max_cycles: PettingZoo's name for the number of steps, `num_slots` times `rounds_per_slot`.
        **overrides: Fields of `NetworkConfig` to change.

    Raises:
        ValueError: a field breaks its rule, `num_envs` or `num_threads` is not a positive integer, or the mode is not supported.
        TypeError: an argument that does not exist.
    """

    def __init__(
        self,
        num_envs: int,
        config: NetworkConfig | None = None,
        *,
        observation: Observation = "csi",
        autoreset_mode: AutoresetMode | str = AutoresetMode.SAME_STEP,
        num_threads: int = 1,
        channels: Channels | None = None,
        max_cycles: int | None = None,
        **overrides: Any,
    ) -> None:
        self.num_envs, num_threads = checked_counts(num_envs=num_envs, num_threads=num_threads)
        mode = checked_mode(autoreset_mode)
        model = channels_of(channels, "train")
        self.config = resolve_config(config, channels=model, max_cycles=max_cycles, **overrides)
        self.observation: Observation = observation
        self.metadata = {"name": MulticellEnv.metadata["name"], "render_modes": [], "autoreset_mode": mode}
        self._begins_next = mode is AutoresetMode.NEXT_STEP
        single = MulticellEnv(self.config, observation=observation)
        self.possible_agents = single.possible_agents
        self.action_spaces = single.action_spaces
        self.observation_spaces = single.observation_spaces
        game = self.config.slot_network
        self.single_action_space = Box(*game.action_limits, (game.num_cells, *game.action_shape(game.max_users)), np.float32)
        limit = np.stack([observation_limits(observation, game, cell, padded=True) for cell in range(game.num_cells)])
        self.single_observation_space = Box(-limit, limit, dtype=np.float32)
        self.single_state_space = single.state_space
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        keeps = observation == "csi"
        self._blocks = Blocks(self.config, self.num_envs, keep_channels=keeps, num_threads=num_threads, channels=model)
        self._observer = Observer(observation, self._blocks)
        self._is_recorded = isinstance(model, RecordedChannels)
        self.state_is_observation = observation == state_kind(observation)
        """Whether `state()` equals the observations that `step` returned."""
        self._sure_steps = 0
        """Number of next steps in which no block can end; 0 after an interruption (Ctrl-C)."""
        self._generators: dict[int, np.random.Generator] = {}
        self._errors: dict[int, np.random.Generator] = {}
        self._transmitted = np.zeros(self.num_envs, dtype=bool)
        self._rates = np.zeros((self.num_envs, self.config.num_cells), self._blocks.powers.dtype)

    def reset(
        self, *, seed: int | Sequence[int | None] | np.ndarray | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[Observations, dict[str, Any]]:
        """Start new blocks in all environments, or in those that a mask selects.

        Args:
            seed: One seed per environment; a single number s gives environment i the seed s + i. With None an environment's generator
                continues. Environments that the mask leaves out use a seed only if they have never had one.
            options: `{"reset_mask": bool array [env]}` resets the environments where it is True. Unknown keys are ignored.

        Returns:
            Observations `[env, cell, plane, band, user]` and infos of all environments.

        Raises:
            ValueError: a wrong number of seeds, a mask of another shape or type, or `channels`, which only the constructor takes.
        """
        chosen = reset_mask(options, self.num_envs)
        seeds = enumerate(seeds_of_each(seed, self.num_envs))
        new = {env: seeding.np_random(own)[0] for env, own in seeds if env not in self._generators or (own is not None and chosen[env])}
        self._generators |= new
        if self.config.measurement_error_db > 0.0:
            self._errors |= {env: error_stream(generator) for env, generator in new.items()}
        self._begin(np.flatnonzero(chosen))
        planes = self._observer.observe()
        if self._is_recorded:
            check_limits(self.observation, self._blocks.config, planes)
        return planes, self._infos()

    def step(self, actions: Float[np.ndarray, "env cell *plane band user"]) -> Step:
        """Play one slot in every environment, or with `rounds_per_slot` > 1 one round of a slot.

        Args:
            actions: Fractions or price multipliers, in the shape of `action_space`.

        Returns:
            Observations, rewards `[env, cell]` in bit/s/Hz, terminations `[env]`, truncations `[env]` and infos.

        Raises:
            RuntimeError: an environment has no block, or its block has ended.
            ValueError: a wrong shape, NaN or infinity. The environments are then unchanged.
        """
        fractions = self._checked(actions)
        ended = np.flatnonzero(self._blocks.slots_left == 0) if self._begins_next and self._sure_steps < 1 else NOBODY
        untouched = [self._errors[env].bit_generator.state for env in ended.tolist()] if self._errors else []
        sure_steps, self._sure_steps = self._sure_steps - 1, 0  # an interruption leaves none
        outputs, blocks = self._observer.outputs(), self._blocks
        if self.config.rounds_per_slot > 1:
            self._transmitted = blocks.transmits
        try:
            rates, rewards = play_for_rewards(blocks, fractions, outputs)
            sent, served = blocks.radiated(outputs.transmitted_powers), blocks.served
            if served is not None:
                sent = served.of_all(sent)
            errors = [self._errors[env] for env in range(self.num_envs)] if self._errors else []
            observations = self._observer.after_round(outputs.observations, errors)
        except BaseException:  # Ctrl-C: blocks may be between two slots
            blocks.slots_left[:] = NOT_BEGUN
            raise
        self._sure_steps = sure_steps
        if ended.size:  # these were stepped with the others; now they are reset
            for env, state in zip(ended.tolist(), untouched, strict=False):
                self._errors[env].bit_generator.state = state
            self._begin(ended)
            observations, rewards = self._observer.observe(), rewards.copy()
            rewards[ended], rates[ended], sent[ended] = 0.0, 0.0, 0.0
        over = blocks.slots_left == 0 if self._sure_steps < 1 else np.zeros(self.num_envs, dtype=bool)
        self._rates = rates.copy()
        infos = {"power": sent, "sum_rate": self._rates.copy()}
        if self._is_recorded:
            infos["blocked"] = of_all(served, blocks.blocked).copy()
        if served is not None:
            infos |= served.infos()
        if self.config.rounds_per_slot > 1:
            infos["transmitted"] = self._transmitted.copy()
        if self._sure_steps < 1 and np.count_nonzero(over) and self.metadata["autoreset_mode"] == AutoresetMode.SAME_STEP:
            infos |= {"final_obs": observations, "_final_obs": over.copy()}
            self._begin(np.flatnonzero(over))
            observations = self._observer.observe()
            if served is not None:  # the users that the new observation shows
                infos["scheduled"] = served.infos()["scheduled"]
        return observations, rewards, np.zeros(self.num_envs, dtype=bool), over, infos

    def differentiable(self, like: Array = None) -> DifferentiableGame:
        """A differentiable copy of the game from its present state, computed by the readable equations; this environment does not change.

        Args:
            like: An array of the library to compute with, such as `torch.empty(0)`; NumPy by default.

        Raises:
            RuntimeError: an environment has no block, or its block has ended.
            ValueError: measurements have errors, or the observation is "csi".
        """
        self._check_all_play()
        return DifferentiableGame(self._blocks, self.observation, like)

    def differentiable_rewards(self, actions: Float[Array, "env cell *plane band user"]) -> Float[Array, "env cell"]:
        """The rewards, bit/s/Hz, that `step` would return for these actions, differentiable; no step is played.

        Args:
            actions: As for `step`, in any array library. The rewards are computed in this library, by the readable equations.

        Raises:
            RuntimeError: an environment has no block, or its block has ended.
            ValueError: a wrong shape, NaN or infinity.
        """
        self._check_all_play()
        return DifferentiableGame(self._blocks, "gain", actions, to_the_end=False).rewards(actions)

    def state(self) -> Float[np.ndarray, "env cell plane band user"]:
        """Global state for centralised training, float32: the "price" planes of all cells if these are observed, else "gain" planes.

        Raises:
            RuntimeError: before `reset`.
        """
        if self._blocks.slots_left.min() < 0:
            raise RuntimeError("An environment has no block yet: call reset() first.")
        return self._observer.observe() if self.state_is_observation else observe("gain", self._blocks)

    def hold(self) -> Float[np.ndarray, "env cell *plane band user"]:
        """Actions that repeat the last powers, float32 fractions of the next slot's budget; as `MulticellEnv.hold`."""
        return self._blocks.hold().astype(np.float32)

    def as_dicts(self) -> "DictFace":
        """The same environments with arrays by agent, `{agent: array[env, ...]}`, as other multi-agent vector environments have them."""
        return DictFace(self)

    def close_extras(self, **kwargs: Any) -> None:
        """Stop the threads; `close()` calls this."""
        if hasattr(self, "_blocks"):  # older versions of gymnasium also close an environment whose constructor raised
            self._blocks.runner.threads.close()

    def _begin(self, rows: np.ndarray) -> None:
        self._sure_steps = 0
        self._blocks.draw(rows, [self._generators[row] for row in rows])
        if self._errors:
            self._blocks.measure(rows, [self._errors[row] for row in rows])
        self._observer.begin(rows)
        self._rates[rows], self._transmitted[rows] = 0.0, False
        self._sure_steps = int((self._blocks.slots_left * self.config.rounds_per_slot - self._blocks.rounds).min())

    def _infos(self) -> dict[str, Any]:
        flags = {"transmitted": self._transmitted.copy()} if self.config.rounds_per_slot > 1 else {}
        served, sent = self._blocks.served, self._blocks.radiated(self._blocks.powers)
        if self._is_recorded:
            flags["blocked"] = of_all(served, self._blocks.blocked).copy()
        if served is not None:
            flags |= served.infos()
        return {"power": of_all(served, sent).copy(), "sum_rate": self._rates.copy(), **flags}

    def _check_all_play(self) -> None:
        least = 0 if self._begins_next else 1
        if self._sure_steps < 1 and (waiting := np.flatnonzero(self._blocks.slots_left < least)).size:
            raise RuntimeError(
                f"{waiting.size} environments have no block to play, the first {waiting[:8].tolist()}: call reset(), or "
                "reset(options={'reset_mask': mask}) to reset only those."
            )

    def _checked(self, actions: np.ndarray) -> np.ndarray:
        self._check_all_play()
        fractions = actions if type(actions) is np.ndarray else as_array(actions, "actions", self.action_space.shape or ())
        if fractions.shape != self.action_space.shape or fractions.dtype.kind not in "fiub":
            raise ValueError(
                f"actions must be real numbers [env, cell, ..., band, user] of shape {self.action_space.shape}; got {fractions.dtype} of "
                f"shape {fractions.shape}. Give {self.config.action_entries}."
            )
        if np.count_nonzero(np.isfinite(fractions)) < fractions.size:  # np.all takes twice as long on few entries
            env = int(np.argwhere(~np.isfinite(fractions))[0][0])
            raise ValueError(f"actions must be finite; got NaN or infinity in environment {env}. Give {self.config.action_entries}.")
        return fractions
