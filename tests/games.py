"""Small environments with a known answer, for the learner's tests."""

import functools

import numpy as np
from gymnasium.spaces import Box
from pettingzoo import ParallelEnv


class MeetingGame(ParallelEnv):
    """Two agents, one step, r = 1 - (x - 0.4)^2 - (x + y)^2 for both: best at x = 0.4, y = -0.4, where each gets 1.

    No agent can find its best action alone: where y should be depends on x.
    """

    metadata = {"name": "meeting_game_v0", "render_modes": []}  # noqa: RUF012
    BEST = (0.4, -0.4)

    def __init__(self) -> None:
        self.possible_agents = ["left_0", "right_0"]
        self.agents: list[str] = []
        self.played: list[np.ndarray] = []

    @functools.cache  # noqa: B019 - PettingZoo wants the same space at every call
    def observation_space(self, agent: str) -> Box:
        return Box(0.0, 1.0, (2,), np.float32)

    @functools.cache  # noqa: B019
    def action_space(self, agent: str) -> Box:
        return Box(-1.0, 1.0, (1,), np.float32)

    def observations(self) -> dict[str, np.ndarray]:
        return {agent: np.eye(2, dtype=np.float32)[index] for index, agent in enumerate(self.possible_agents)}

    def reset(self, seed=None, options=None):
        self.agents = self.possible_agents[:]
        return self.observations(), {agent: {} for agent in self.agents}

    def step(self, actions):
        x, y = (float(actions[agent][0]) for agent in self.possible_agents)
        self.played.append(np.array([x, y]))
        reward = 1.0 - (x - 0.4) ** 2 - (x + y) ** 2
        agents, self.agents = self.agents, []
        return (
            self.observations(),
            dict.fromkeys(agents, reward),
            dict.fromkeys(agents, True),
            dict.fromkeys(agents, False),
            {agent: {} for agent in agents},
        )


class ShapedGame(MeetingGame):
    """The same game with actions of other shapes, which must arrive so; the first two numbers are x and y."""

    def __init__(self, *shapes: tuple[int, ...]) -> None:
        super().__init__()
        self.shapes = dict(zip(self.possible_agents, shapes, strict=True))

    @functools.cache  # noqa: B019
    def action_space(self, agent: str) -> Box:
        return Box(-1.0, 1.0, self.shapes[agent], np.float32)

    def step(self, actions):
        assert {agent: action.shape for agent, action in actions.items()} == self.shapes
        numbers = np.concatenate([np.ravel(actions[agent]) for agent in self.possible_agents])
        return super().step({agent: numbers[[index]] for index, agent in enumerate(self.possible_agents)})
