"""Environments of one shape in one batch, such as networks of a scenario: every row plays another one."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool

from agents.learner import check_rows
from agents.stacked import StackedEnv
from agents.streams import seeds_of_parts


class MixedEnv:
    """Several `StackedEnv` as one. More of them than there is room for take turns, whenever episodes begin.

    The rows are shared out among seats of as many rows as an environment has. Seat s of S has environments s, s + S, s + 2 S ..., and goes
    on to its next one when all of its rows begin anew at once.

    Args:
        members: The environments: as many rows in each, and the same spaces.
        num_envs: Rows in all.
        masks: Which entries of an action are real in each of them, `[agent, ...]`.
        short_episodes: Steps after which episodes are cut off in every other seat, so that beginnings are seen more often; 0 for none.

    Raises:
        ValueError: the rows are no multiple of an environment's or there are too few environments for them, or the spaces differ.
    """

    def __init__(
        self,
        members: Sequence[StackedEnv],
        num_envs: int,
        masks: Sequence[Bool[np.ndarray, "agent *action"]],
        *,
        short_episodes: int = 0,
    ) -> None:
        rows = members[0].num_envs if members else 0
        check_rows(num_envs, len(members), rows)
        spaces = {(member.num_envs, str(member.single_action_space), mask.shape) for member, mask in zip(members, masks, strict=True)}
        if len(spaces) != 1:
            raise ValueError(f"environments in one batch must have the same spaces; got {sorted(spaces)}. Let them take turns.")
        seats = num_envs // rows
        self.num_envs = num_envs
        self.metadata = members[0].metadata
        self.single_action_space = members[0].single_action_space
        self.state_is_observation = members[0].state_is_observation
        self._rows = rows
        every_other = np.repeat(np.arange(seats) % 2 == 0, rows)
        self._longest = np.where(every_other & (short_episodes > 0), short_episodes, np.iinfo(np.int64).max)
        """Steps after which the episode of a row is cut off."""
        self._ages = np.zeros(num_envs, dtype=np.int64)
        self._last = np.zeros((num_envs, 0))
        """What the last step has shown."""
        self._members = [list(members[seat::seats]) for seat in range(seats)]
        same = all(np.array_equal(mask, masks[0]) for mask in masks)
        self._masks = None if same else [list(masks[seat::seats]) for seat in range(seats)]
        self._turns = [-1] * seats
        """Which of its environments a seat plays; -1 before its first reset."""
        self._seeds: list[list[int]] = [[] for _ in range(num_envs)]
        """Seeds of every row in the environments that it has not begun yet."""

    @property
    def action_mask(self) -> Bool[np.ndarray, "env agent *action"] | None:
        """Which entries of an action are real, row by row; None where that is the same everywhere."""
        if self._masks is None:
            return None
        return np.repeat(np.stack([masks[turn] for masks, turn in zip(self._masks, self._turns, strict=True)]), self._rows, axis=0)

    def reset(self, *, seed: Sequence[int | None] | None = None, options: Mapping[str, Any] | None = None) -> tuple[np.ndarray, Any]:
        """Begin episodes where `options["reset_mask"]` is True. A row's seed is that of all environments that it will play."""
        chosen = np.ones(self.num_envs, dtype=bool) if options is None else np.asarray(options["reset_mask"])
        for row, own in enumerate(seed or ()):
            if own is not None:
                self._seeds[row] = seeds_of_parts(own, len(self._members[row // self._rows]))
        self._ages[chosen] = 0
        observations = [self._reset_seat(seat, chosen[self._of(seat)]) for seat in range(len(self._members))]
        return np.concatenate(observations), {}

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, Any]:
        """Step every row."""
        results = [self._playing(seat).step(actions[self._of(seat)])[:4] for seat in range(len(self._members))]
        observations, rewards, terminated, truncated = (np.concatenate(arrays) for arrays in zip(*results, strict=True))
        self._last = observations
        self._ages += 1
        return observations, rewards, terminated, truncated | (self._ages >= self._longest) & ~terminated, {}

    def state(self) -> np.ndarray:
        """Global states `[env, ...]`."""
        return np.concatenate([self._playing(seat).state() for seat in range(len(self._members))])

    def state_dict(self) -> dict[str, Any]:
        """Everything that the environments go on from."""
        return {
            "members": [[member.state_dict() for member in members] for members in self._members],
            "turns": list(self._turns),
            "seeds": [list(own) for own in self._seeds],
            "ages": self._ages.copy(),
            "last": self._last.copy(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a saved state.

        Raises:
            KeyError, TypeError, ValueError: it is of other environments.
        """
        for members, states in zip(self._members, state["members"], strict=True):
            for member, own in zip(members, states, strict=True):
                member.load_state_dict(own)
        self._turns, self._seeds = list(state["turns"]), [list(own) for own in state["seeds"]]
        self._ages, self._last = state["ages"].copy(), state["last"].copy()

    def close(self) -> None:
        """Close all environments."""
        for members in self._members:
            for member in members:
                member.close()

    def _of(self, seat: int) -> slice:
        return slice(seat * self._rows, (seat + 1) * self._rows)

    def _playing(self, seat: int) -> StackedEnv:
        return self._members[seat][self._turns[seat]]

    def _reset_seat(self, seat: int, chosen: Bool[np.ndarray, " row"]) -> np.ndarray:
        if not chosen.any():
            return self._last[self._of(seat)]
        if chosen.all():
            self._turns[seat] = (self._turns[seat] + 1) % len(self._members[seat])
        rows = range(self._of(seat).start, self._of(seat).stop)
        # A row takes its next seed with its next environment, of which it has as many as seeds.
        seeds = [self._seeds[row].pop(0) if begins and self._seeds[row] else None for row, begins in zip(rows, chosen, strict=True)]
        return self._playing(seat).reset(seed=seeds, options={"reset_mask": chosen})[0]
