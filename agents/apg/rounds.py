"""The analytic policy gradient through the rounds of several slots, on batches that mix environments."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, Self, cast

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from agents.actors import build_actor
from agents.apg.config import APGConfig, APGTrainingConfig
from agents.joint import JointEnv
from agents.learner import PoolEnv
from agents.networks import MLPActor, SetActor, check_same_shape
from agents.streams import seeds_of_parts


class Game(Protocol):
    """Blocks that are played with gradients. A row is a block."""

    @classmethod
    def stack(cls, games: Sequence[Any]) -> Self:
        """One game with the rows of several."""
        ...

    def take(self, rows: np.ndarray) -> Self:
        """A game of the given rows, which may repeat, at their present positions in their blocks."""
        ...

    def progress(self) -> dict[str, np.ndarray]:
        """The state of the blocks, without gradients; `slots_left` is the number of slots left."""
        ...

    def at(self, progress: Mapping[str, np.ndarray]) -> Self:
        """The same blocks in another state."""
        ...

    @property
    def transmits(self) -> Bool[np.ndarray, " row"]:
        """Whether the next round is the last of its slot."""
        ...

    @property
    def user_mask(self) -> Float[Tensor, "row agent user"]:
        """1 for users, 0 for padding."""
        ...

    def __len__(self) -> int:
        """Number of rows."""
        ...

    def observations(self) -> Float[Tensor, "row agent plane band user"]:
        """Observations before the next round."""
        ...

    def rewards(self, actions: Float[Tensor, "row agent *plane band user"]) -> Float[Tensor, "row agent"]:
        """Play one round, and return the agents' rewards with gradients."""
        ...


class PlayableEnv(Protocol):
    """A vectorised environment that can be played with gradients."""

    num_envs: int
    """Number of environments."""

    def reset(self, *, seed: list[int]) -> tuple[np.ndarray, object]:
        """Start an episode in every environment."""
        ...

    def differentiable(self, like: Tensor) -> Game:
        """The game from its present state, with gradients."""
        ...


class RoundsTraining:
    """A run of the analytic policy gradient through whole slots, which can be stopped, saved and continued bit for bit.

    Each step trains on one group, in turn. Rows drawn from its blocks are played for `slots_ahead` slots. With probability `going_on` these
    are the next slots of the group's last rows, without gradients through earlier slots. The actor maximises

        sum of rewards / (sum of the magnitudes of the rewards in the middle of the action space)

    so that no group weighs more because its rewards are larger. Adam's learning rate rises, is constant in the first half of the run, and
    falls in the second. Batches may be larger there, because small learning rates profit from less noisy gradients. A moving average of
    the weights is evaluated and saved.

    Args:
        groups: Groups of environments that a batch may mix. The arrays of a group have the same shapes. One actor is trained on all.
        learner: Hyperparameters.
        length: Length of the run and rows of a batch.
        seed: Seed of all random numbers.

    Raises:
        ValueError: there is no group, the network is not "set", its actions have planes, or `slots_ahead` is 0.
    """

    def __init__(self, groups: Sequence[Sequence[PoolEnv]], learner: APGConfig, length: APGTrainingConfig, *, seed: int = 0) -> None:
        if not groups or learner.slots_ahead < 1:
            raise ValueError(
                f"there must be a group of environments and a slot ahead; got {len(groups)} groups and {learner.slots_ahead} slots. "
                "Give some, and slots_ahead=2."
            )
        torch.manual_seed(seed)
        self.env = JointEnv(groups[0][0].make_env())
        actor = build_actor(self.env, learner.network, learner.hidden_sizes, is_centred=learner.is_centred)
        if not isinstance(actor, SetActor) or actor.action_planes:
            raise ValueError(
                f"gradients through slots need network 'set' and actions (band, user); got network {learner.network!r} and actions "
                f"{self.env.action_shapes[0]}. Give --network set without damping in the action, or slots_ahead=0."
            )
        with torch.no_grad():
            for weight in actor.head.parameters():
                weight.mul_(learner.head_scale)
        self.learner, self.length = learner, length
        self.trained: SetActor = actor
        """The actor that is updated by gradients."""
        self.average: SetActor = copy.deepcopy(actor)
        """The actor with the moving average of the weights."""
        self.optimizer = torch.optim.Adam(actor.parameters(), learner.learning_rate)
        box = self.env.action_box
        self._low, self._high = float(box.low.min()), float(box.high.max())
        of_rows, *of_groups = seeds_of_parts(seed, len(groups) + 1)
        self.games = [_begin_games(group, own) for group, own in zip(groups, of_groups, strict=True)]
        self._last: list[tuple[np.ndarray, dict[str, np.ndarray]] | None] = [None] * len(groups)
        self.references = [self._reference(turn) for turn in range(len(groups))]
        self._generator = np.random.default_rng(of_rows)
        self.steps_done = 0
        self.last_losses: dict[str, float] = {}

    @property
    def actor(self) -> SetActor | MLPActor:
        """The actor for evaluations, with the moving average of the weights."""
        return self.average

    def start_from(self, actor: SetActor | MLPActor) -> None:
        """Start from the weights of another actor.

        Raises:
            ValueError: its weights have other shapes.
        """
        check_same_shape(actor, self.trained)
        for own in (self.trained, self.average):
            own.load_state_dict(actor.state_dict())

    def earned(self, game: Game, actor: SetActor | None) -> Float[Tensor, ""]:
        """Rewards of an actor in a game's next slots, with gradients. These slots are played.

        Args:
            game: The game.
            actor: The actor; None plays the middle of the action space.

        Returns:
            Sum over the rounds of the slots ahead of the mean reward of rows and agents.
        """
        return torch.stack([reward.mean() for reward in self._play(game, actor)]).sum()

    def _next_game(self, turn: int) -> tuple[np.ndarray, Game]:
        """Rows of a group and their blocks: those of its last step, or new ones."""
        last = self._last[turn]
        goes_on = self.learner.going_on > 0.0 and self._generator.random() < self.learner.going_on
        if goes_on and last is not None and last[1]["slots_left"].min() >= self.learner.slots_ahead:
            return last[0], self.games[turn].take(last[0]).at(last[1])
        growth = self.length.batch_growth if 2 * self.steps_done >= self.length.num_steps else 1
        rows = self._generator.integers(len(self.games[turn]), size=self.length.num_envs * growth)
        return rows, self.games[turn].take(rows)

    def _play(self, game: Game, actor: SetActor | None) -> list[Float[Tensor, "row agent"]]:
        """The rewards of every round of the slots ahead."""
        mask = None if bool(game.user_mask.all()) else game.user_mask.bool()
        rewards, slots = [], 0
        while slots < self.learner.slots_ahead:
            observations = game.observations().float()
            bands, slots = observations.shape[-2], slots + int(game.transmits.all())
            if actor is None:
                raw = torch.zeros_like(observations[:, :, 0])
            else:
                raw = actor(observations, None if mask is None else mask[:, :, None].expand(-1, -1, bands, -1))
            rewards.append(game.rewards(self._low + (self._high - self._low) * (raw + 1.0) / 2.0))
        return rewards

    @torch.no_grad()
    def _reference(self, turn: int) -> float:
        rewards = self._play(self.games[turn].take(np.arange(len(self.games[turn]))), None)
        return max(torch.stack([reward.abs().mean() for reward in rewards]).sum().item(), 1e-6)

    def learning_rate(self) -> float:
        """Adam's learning rate in the next step."""
        done, learner = self.steps_done / self.length.num_steps, self.learner
        rising = min(1.0, (self.steps_done + 1) / max(learner.rise_steps, 1))
        return learner.learning_rate * rising * max(learner.final_rate, min(1.0, 2.0 - 2.0 * done))

    def step(self) -> None:
        """Play one batch of the next group, and update the actor once."""
        turn = self.steps_done % len(self.games)
        rows, game = self._next_game(turn)
        earned = self.earned(game, self.trained)
        self._last[turn] = (rows, game.progress())
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate()
        self.optimizer.zero_grad()
        (-earned / self.references[turn]).backward()
        torch.nn.utils.clip_grad_norm_(self.trained.parameters(), self.learner.gradient_clip)
        self.optimizer.step()
        share = max(self.learner.averaging, 1.0 / (self.steps_done + 1))
        with torch.no_grad():
            for kept, new in zip(self.average.parameters(), self.trained.parameters(), strict=True):
                kept.lerp_(new, share)
        self.last_losses = {"actor_loss": -earned.item() / self.references[turn]}
        self.steps_done += 1

    def state_dict(self) -> dict[str, Any]:
        """The full state of the run. Blocks are not in it; they are drawn again from the seed."""
        return {
            "trained": self.trained.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generator": self._generator.bit_generator.state,
            "last": self._last,
            "references": self.references,
            "steps_done": self.steps_done,
            "last_losses": self.last_losses,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a saved state.

        Raises:
            KeyError, RuntimeError: the state is of another network or incomplete.
            ValueError: the state is of other environments.
        """
        if not np.allclose(state["references"], self.references, rtol=1e-3):
            raise ValueError(f"the state must be of the same environments; references are {state['references']}, not {self.references}")
        self.trained.load_state_dict(state["trained"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self._generator.bit_generator.state = state["generator"]
        self.references, self._last = list(state["references"]), list(state["last"])
        self.steps_done, self.last_losses = state["steps_done"], state["last_losses"]


def _begin_games(group: Sequence[PoolEnv], seed: int) -> Game:
    """The blocks of a group, at their start."""
    games: list[Game] = []
    for member, own in zip(group, seeds_of_parts(seed, len(group)), strict=True):
        envs = cast(PlayableEnv, member.stacked_env)
        envs.reset(seed=seeds_of_parts(own, envs.num_envs))
        games.append(envs.differentiable(torch.empty(0)))
    return type(games[0]).stack(games)
