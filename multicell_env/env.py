"""The PettingZoo parallel environment: spaces, argument checks and bookkeeping around the simulated block."""

from collections.abc import Mapping
from typing import Any, NoReturn

import numpy as np
from gymnasium.spaces import Box
from gymnasium.utils import seeding
from pettingzoo import ParallelEnv

from multicell_env.arguments import checked_options, checked_render_mode, resolve_config, whole_seed
from multicell_env.blocks import Blocks
from multicell_env.channels.plausible import warn_of_block
from multicell_env.channels.pool import Channels, RecordedChannels, channels_of
from multicell_env.channels.recorded import split_channels
from multicell_env.channels.registry import model_of
from multicell_env.config import NetworkConfig
from multicell_env.config_checks import as_array
from multicell_env.observation import Observation, Observer, check_limits, observation_limits, observe, state_kind, tilted_shares
from multicell_env.rewards import play_for_rewards
from multicell_env.scenarios import Places
from multicell_env.scheduling.served import of_all, tell
from multicell_env.streams import error_stream

AgentID = str
ObsDict = dict[AgentID, np.ndarray]
InfoDict = dict[AgentID, dict[str, Any]]


class MulticellEnv(ParallelEnv[AgentID, np.ndarray, np.ndarray]):
    """Power and frequency allocation in a multicell MIMO network; every base station is an agent.

    In each step the agents choose initial powers, from which k iterations of FLWF, or of another `negotiation` rule, are played. An
    episode is one block of T slots: channels are drawn in `reset()` and stay, and all agents are truncated after the last slot. A step is
    a slot. With `rounds_per_slot` R > 1 it is a round; only the last of a slot's R rounds transmits and spends energy. If `channel_model`
    moves channels, every slot has new ones and starts from zero powers, unless `restart` is False.

    * Action, `Box(0, 1, (band, user), float32)`: fractions of each user's slot budget P_b(t)/U_b. Finite values outside [0, 1] are
      clipped. If a user's fractions sum to more than 1, they are scaled to sum to 1. With k = 0, unspent power is carried over by (5).
      With `damping_in_action`, `(2, band, user)`: the mean of the second plane over the bands is the user's damping, the share of its
      powers that it keeps in each iteration. With damping 1 a user keeps its initial powers, and its unspent power is carried over.
      With `action="price"`, `Box(-1, 1, (band, user))`: users respond to prices multiplied by 10^(4 a); 0 is the plain best response.
    * Observation, `Box`, float32, `(plane, band, user)`: "csi" is the local state (17) in 4M + 2 planes; "gain" has 3 planes, its
      sufficient statistic for the cell's own rate; "price" has 9 planes, for negotiation by prices. See `multicell_env.observation`.
    * Reward: the cell's sum rate (18) after the negotiation, bit/s/Hz. `reward` selects others: "network" is (19)/B, "predicted" what users
      predict in the last iteration, "user" (18) over the network's number of users. A round without transmission: `measuring_reward` of it.
    * Infos: `power` (final, `[band, user]`, in sigma^2) and `sum_rate` (of the cell, bit/s/Hz). With R > 1 also `transmitted`: 1 if the
      round transmitted, 0 if `sum_rate` is hypothetical. On recorded channels also `blocked` `[band, user]`: 1 where a user has no
      beam. With a `schedule` that does not serve all users, see `multicell_env.scheduling`.

    Args:
        config: The network; the paper's (8, 4) network by default.
        observation: "csi", "gain" or "price".
        render_mode: None, "rgb_array", "ansi" or "human".
        channels: A channel model, or a pool of recorded channels: an array, a file, or `RecordedChannels` (by default its training part).
        max_cycles: PettingZoo's name for the number of steps, `num_slots` times `rounds_per_slot`.
        **overrides: Fields of `NetworkConfig` to change.

    Raises:
        ValueError: a field breaks its rule, an unknown observation or render mode, or channels that do not fit the network.
        TypeError: an argument that does not exist.
    """

    metadata = {  # noqa: RUF012 - PettingZoo's convention is a class attribute
        "name": "multicell_v0",
        "render_modes": ["human", "ansi", "rgb_array"],
        "render_fps": 2,
        "is_parallelizable": True,
    }

    def __init__(
        self,
        config: NetworkConfig | None = None,
        *,
        observation: Observation = "csi",
        render_mode: str | None = None,
        channels: Channels | None = None,
        max_cycles: int | None = None,
        **overrides: Any,
    ) -> None:
        self._given = given = channels_of(channels, "train")
        self.config = resolve_config(config, channels=given, max_cycles=max_cycles, **overrides)
        model_of(self.config, given)  # refuses an unknown one here, and not in `reset`
        self.observation: Observation = observation
        self.render_mode = checked_render_mode(render_mode, self.metadata["render_modes"])
        # An alias that frameworks read and PettingZoo's own test overwrites; the environment itself never reads it.
        self.max_cycles = self.config.num_steps
        self.possible_agents = [f"bs_{cell}" for cell in range(self.config.num_cells)]
        self.agents: list[AgentID] = []
        game = self.config.slot_network
        self._same_users = game is self.config and len(set(game.users_per_cell.tolist())) == 1
        self._cell_of = {agent: cell for cell, agent in enumerate(self.possible_agents)}
        limits = [observation_limits(observation, game, cell) for cell in range(game.num_cells)]
        self.observation_spaces: dict[AgentID, Any] = {
            agent: Box(-limit, limit, dtype=np.float32) for agent, limit in zip(self.possible_agents, limits, strict=True)
        }
        self.action_spaces: dict[AgentID, Any] = {
            agent: Box(*game.action_limits, game.action_shape(int(num_users)), np.float32)
            for agent, num_users in zip(self.possible_agents, game.users_per_cell, strict=True)
        }
        limit = np.stack([observation_limits(state_kind(observation), game, cell, padded=True) for cell in range(game.num_cells)])
        self.state_space = Box(-limit, limit, dtype=np.float32)
        self.action_meaning = tilted_shares if self.config.action == "price" and observation == "price" else None
        """For critics: maps tensors of observations and price actions to planes of power shares; None if actions are powers."""
        self._np_random: np.random.Generator | None = None
        self._errors: np.random.Generator | None = None
        self._observer: Observer | None = None  # of the current block
        self._next_observer: Observer | None = None  # of the previous block, reused: a new one takes up to a third of a reset
        self._is_recorded = False  # recorded channels may block users
        self._rates: list[np.ndarray] = []
        self._window: Any = None
        self._map: Any = None
        self._places: Places | None = None  # only mean gains say where stations are

    @property
    def np_random(self) -> np.random.Generator:
        """The environment's own random generator; seeded by the operating system until `reset` gets a seed."""
        if self._np_random is None:
            self._np_random, _ = seeding.np_random()
        return self._np_random

    @np_random.setter
    def np_random(self, generator: np.random.Generator) -> None:
        self._np_random = generator

    def observation_space(self, agent: AgentID) -> Box:
        """Space of one agent's observations."""
        return self.observation_spaces[agent]

    def action_space(self, agent: AgentID) -> Box:
        """Space of one agent's actions."""
        return self.action_spaces[agent]

    def reset(self, seed: int | None = None, options: Mapping[str, Any] | None = None) -> tuple[ObsDict, InfoDict]:
        """Start a new block on new channels, and return the observations and infos of all agents, by agent.

        Args:
            seed: The same seed gives the same block, bit for bit. Without a seed, the generator continues from its present state.
            options: `{"channels": array}` plays on given channels, dense complex `[tx_cell, rx_cell, band, antenna, user]`, scaled
                so that the noise power is 1. A user whose channel is zero, or linearly dependent on those of its cell's other users, is
                blocked in that band, or refused with `"strict": True`. Unknown keys are ignored.

        Raises:
            ValueError: a seed that is no whole number of at least 0; or channels that have a wrong shape, are not finite, are out of range,
                or are given although `channel_model` moves channels.
        """
        chosen = checked_options(options, seed)
        generator = self.np_random if seed is None else seeding.np_random(whole_seed(seed))[0]
        dense, strict = chosen.get("channels"), bool(chosen.get("strict"))
        observer = self._next_observer or Observer(
            self.observation, Blocks(self.config, 1, keep_channels=self.observation == "csi", channels=self._given)
        )
        blocks = observer.blocks
        if dense is None:
            blocks.draw([0], [generator])
        else:
            own, cross = split_channels(self.config, dense, strict=strict)
            blocks.begin([0], own[None], cross[None])  # may refuse the channels, before anything changes
        if self.config.measurement_error_db > 0.0:
            self._errors = error_stream(generator) if generator is not self._np_random or self._errors is None else self._errors
            blocks.measure([0], [self._errors])
        observer.begin()
        self._np_random, self._observer, self._next_observer = generator, observer, self._observer
        self._is_recorded = dense is not None or isinstance(self._given, RecordedChannels)
        self.agents = self.possible_agents[:]
        self._rates = []
        self._render_if_human()
        planes = observer.observe()
        if dense is not None:
            warn_of_block(self.config, dense)
        if self._is_recorded:
            check_limits(self.observation, blocks.config, planes)
        return self._by_agent(planes[0]), self._infos(
            of_all(blocks.served, blocks.powers)[0].copy(), np.zeros(self.config.num_cells), False
        )

    def step(
        self, actions: Mapping[AgentID, np.ndarray]
    ) -> tuple[ObsDict, dict[AgentID, float], dict[AgentID, bool], dict[AgentID, bool], InfoDict]:
        """Play one slot, or with `rounds_per_slot` > 1 one round of a slot.

        Args:
            actions: One action for each agent.

        Returns:
            Observations, rewards (bit/s/Hz), terminations (always False), truncations (True after the last slot) and infos, by agent.

        Raises:
            RuntimeError: before `reset`, or after the block has ended.
            ValueError: a missing or unknown agent, a wrong shape, NaN or infinity. The environment is then unchanged.
        """
        fractions = self._checked_fractions(actions)
        assert self._observer is not None  # _checked_fractions refuses a step before reset
        blocks, outputs = self._observer.blocks, self._observer.outputs()
        transmits = self.config.rounds_per_slot == 1 or bool(blocks.transmits[0])
        try:
            all_rates, all_rewards = play_for_rewards(blocks, fractions[None], outputs)
            rates, rewards = all_rates[0], all_rewards[0]
            sent = of_all(blocks.served, blocks.radiated(outputs.transmitted_powers) if self._is_recorded else outputs.transmitted_powers)
            observations = self._observer.after_round(outputs.observations, [] if self._errors is None else [self._errors])
        except BaseException:  # Ctrl-C: the block may be between two slots
            self.agents = []
            raise
        if transmits:
            self._rates.append(rates)
        over, agents = not blocks.slots_left[0], self.possible_agents
        if over:
            self.agents = []
        self._render_if_human()
        return (
            self._by_agent(observations[0]),
            dict(zip(agents, rewards.tolist(), strict=True)),
            dict.fromkeys(agents, False),
            dict.fromkeys(agents, over),
            self._infos(sent[0], rates, transmits),
        )

    def state(self) -> np.ndarray:
        """Global state for centralised training, float32 `[cell, plane, band, user]`: "price" planes if observed, else "gain" planes.

        Raises:
            RuntimeError: before `reset`.
        """
        return observe(state_kind(self.observation), self._begun_blocks())[0]

    def hold(self) -> dict[AgentID, np.ndarray]:
        """Actions that repeat the last powers, by agent: float32 fractions of the next slot's budget, and damping 0.

        With `action="price"` all entries are 0. This is the best response to the prices, and does not keep the powers.

        Raises:
            RuntimeError: before `reset`.
        """
        return self._by_agent(self._begun_blocks().hold()[0].astype(np.float32))

    def render(self) -> np.ndarray | str | None:
        """Draw the network's map, the power of each cell in each band, and the sum rate per slot so far.

        Returns:
            "rgb_array": a uint8 image `[height, width, 3]`; "ansi": text without the map; "human": None, shown in a window if possible.

        Raises:
            RuntimeError: before `reset`.
        """
        if self.render_mode is None:
            return None
        # Drawing needs matplotlib, which takes a second to import; most environments are never drawn.
        from multicell_env import rendering

        blocks = self._begun_blocks()
        rates = np.array(self._rates).reshape(-1, self.config.num_cells)
        powers = rendering.relative_powers(blocks)[0]
        if self.render_mode == "ansi":
            return rendering.as_text(powers, rates)
        self._map = self._map or rendering.map_of(self.config, self._places)
        if self.render_mode == "rgb_array":
            return rendering.as_image(self._map, powers, rates, self.config.num_slots)
        self._window = self._window or rendering.Window()
        self._window.show(self._map, powers, rates, self.config.num_slots)
        return None

    def close(self) -> None:
        """Close the window, if there is one."""
        if self._window is not None:
            self._window.close()
            self._window = None

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_next_observer": None}  # a copy needs the block that is played alone

    def _render_if_human(self) -> None:
        if self.render_mode == "human":
            self.render()

    def _begun_blocks(self) -> Blocks:
        if self._observer is None:
            raise RuntimeError("The environment has no block yet: call reset() first.")
        return self._observer.blocks

    def _checked_fractions(self, actions: Mapping[AgentID, np.ndarray]) -> np.ndarray:
        self._begun_blocks()
        if not self.agents:
            raise RuntimeError(f"The block ended after its {self.config.num_slots} slots, or by Ctrl-C: call reset() to begin another.")
        if not isinstance(actions, Mapping) or set(actions) != set(self.possible_agents):
            got = sorted(map(str, actions)) if isinstance(actions, Mapping) else type(actions).__name__
            rule = f"actions must be a mapping with one action for each of {self.possible_agents}"
            raise ValueError(f"{rule}; got {got}. Add the missing agents and remove the unknown ones.")
        fractions = np.zeros((self.config.num_cells, *self.config.slot_network.action_shape(self.config.slot_network.max_users)))
        for agent, cell in self._cell_of.items():
            shape, given = self.action_spaces[agent].shape, actions[agent]
            action = given if type(given) is np.ndarray else as_array(given, f"the action of {agent}", shape)
            if action.shape != shape or action.dtype.kind not in "fiub":
                self._refuse(agent, action, f"shape {action.shape}" if action.shape != shape else f"{action.dtype}, which is no number")
            fractions[cell, ..., : shape[-1]] = action
        if np.count_nonzero(np.isfinite(fractions)) < fractions.size:  # np.all takes twice as long on so few entries
            agent = next(agent for agent, cell in self._cell_of.items() if not np.isfinite(fractions[cell]).all())
            self._refuse(agent, actions[agent], "NaN or infinity")
        return fractions

    def _refuse(self, agent: AgentID, action: Any, problem: str) -> NoReturn:
        rule = f"the action of {agent} must be finite real numbers [..., band, user] of shape {self.action_spaces[agent].shape}"
        raise ValueError(f"{rule}; got {problem}. Give {self.config.action_entries}.")

    def _by_agent(self, planes: np.ndarray) -> ObsDict:
        if self._same_users:
            return dict(zip(self.possible_agents, planes, strict=True))
        return {agent: planes[cell, ..., : self.config.slot_network.users_per_cell[cell]].copy() for agent, cell in self._cell_of.items()}

    def _infos(self, powers: np.ndarray, rates: np.ndarray, transmitted: bool) -> InfoDict:
        users, blocks = self.config.users_per_cell, self._begun_blocks()
        infos: InfoDict = {
            agent: {"power": powers[cell] if self._same_users else powers[cell, :, : users[cell]].copy(), "sum_rate": float(rates[cell])}
            for agent, cell in self._cell_of.items()
        }
        for info in infos.values() if self.config.rounds_per_slot > 1 else ():
            info["transmitted"] = float(transmitted)
        for agent, cell in self._cell_of.items() if self._is_recorded else ():
            infos[agent]["blocked"] = of_all(blocks.served, blocks.blocked)[0, cell, :, : users[cell]].astype(np.float32)
        tell(None if self._same_users else blocks.served, infos)
        return infos
