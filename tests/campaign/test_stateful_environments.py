"""Environments in any order of use, against a model of what they promise."""

import os
import pickle
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from multicell_env import MulticellEnv, MulticellVectorEnv, multicell_v0

SIZE = int(os.environ.get("CAMPAIGN_SIZE", "1"))
pytestmark = pytest.mark.campaign
NETWORKS: list[dict[str, Any]] = [
    {"num_slots": 2},
    {"num_slots": 2, "num_users": (2, 4, 1)},
    {"num_slots": 1, "rounds_per_slot": 2},
    {"num_slots": 2, "channel_model": "redraw"},
    {"num_slots": 2, "measurement_error_db": 1.0, "num_iterations": 0},
]
SEEDS = st.integers(0, 5)
SHORT = settings(
    max_examples=8 * SIZE,
    stateful_step_count=12,
    deadline=None,
    derandomize=SIZE == 1,
    database=None,
    suppress_health_check=list(HealthCheck),
)


class SingleEnvironment(RuleBasedStateMachine):
    """One environment: the model is how many steps are left, and a twin that is used as it should be."""

    @initialize(network=st.sampled_from(NETWORKS), observation=st.sampled_from(["gain", "csi", "price"]))
    def make(self, network: dict[str, Any], observation: Any) -> None:
        self.env, self.twin = (multicell_v0.parallel_env(observation=observation, **network) for _ in range(2))
        self.left, self.begun = 0, False

    @rule(seed=SEEDS)
    def reset(self, seed: int) -> None:
        (seen, _), (expected, _) = self.env.reset(seed=seed), self.twin.reset(seed=seed)
        self.left, self.begun = self.env.config.num_steps, True
        assert all(np.array_equal(seen[agent], expected[agent]) for agent in self.env.possible_agents)

    @rule(seed=st.sampled_from([-1, True, 1.5, "3", [1]]))
    def refuse_a_seed(self, seed: Any) -> None:
        with pytest.raises(ValueError, match="seed must be"):
            self.env.reset(seed=seed)

    @precondition(lambda self: self.left > 0)
    @rule(seed=SEEDS)
    def step(self, seed: int) -> None:
        generator = np.random.default_rng(seed)
        actions = {agent: generator.random(self.env.action_space(agent).shape, np.float32) for agent in self.env.agents}
        given, expected = self.env.step(actions), self.twin.step(actions)
        self.left -= 1
        assert given[1] == expected[1]
        assert set(given[3].values()) == {self.left == 0}
        for agent, seen in given[0].items():
            assert np.array_equal(seen, expected[0][agent])
            assert self.env.observation_space(agent).contains(seen)

    @precondition(lambda self: self.left > 0)
    @rule(wrong=st.sampled_from([np.nan, np.inf, "x", None]), seed=SEEDS)
    def refuse_an_action(self, wrong: Any, seed: int) -> None:
        before = self.env.state()
        actions: dict[str, Any] = {agent: np.zeros(self.env.action_space(agent).shape) for agent in self.env.agents}
        actions["bs_1"] = wrong if isinstance(wrong, str | None) else np.full_like(actions["bs_1"], wrong)
        with pytest.raises(ValueError, match="bs_1"):
            self.env.step(actions)
        assert np.array_equal(before, self.env.state())

    @precondition(lambda self: self.left == 0)
    @rule()
    def refuse_a_step(self) -> None:
        with pytest.raises(RuntimeError, match=r"reset\(\)"):
            self.env.step({agent: np.zeros(self.env.action_space(agent).shape) for agent in self.env.possible_agents})

    @rule()
    def go_on_with_a_copy(self) -> None:
        self.env = pickle.loads(pickle.dumps(self.env))

    @invariant()
    def agents_are_there_while_there_is_something_to_play(self) -> None:
        env: MulticellEnv | None = getattr(self, "env", None)
        if env is not None:
            assert env.agents == (env.possible_agents if self.left else [])
            if self.begun:
                assert np.isfinite(env.state()).all()
                assert np.array_equal(env.state(), self.twin.state())


class Batch(RuleBasedStateMachine):
    """Three environments in one: the model are three single ones, bit for bit, in each mode of beginning anew."""

    @initialize(network=st.sampled_from(NETWORKS), mode=st.sampled_from(["SAME_STEP", "NEXT_STEP", "DISABLED"]), threads=st.integers(1, 2))
    def make(self, network: dict[str, Any], mode: str, threads: int) -> None:
        self.mode = mode
        self.env = MulticellVectorEnv(3, observation="gain", autoreset_mode=mode, num_threads=threads, **network)
        self.singles = [multicell_v0.parallel_env(observation="gain", **network) for _ in range(3)]
        self.env.reset(seed=0)
        for row, single in enumerate(self.singles):
            single.reset(seed=row)

    @rule(mask=st.lists(st.booleans(), min_size=3, max_size=3), seed=st.none() | SEEDS)
    def reset(self, mask: list[bool], seed: int | None) -> None:
        seen, _ = self.env.reset(seed=seed, options={"reset_mask": np.array(mask)})
        for row, (chosen, single) in enumerate(zip(mask, self.singles, strict=True)):
            if chosen:
                self._same(seen[row], single.reset(seed=None if seed is None else seed + row)[0])

    @rule(seed=SEEDS)
    def step(self, seed: int) -> None:
        actions = np.random.default_rng(seed).random(self.env.action_space.shape, np.float32)
        over = [not single.agents for single in self.singles]
        if self.mode == "DISABLED" and any(over):
            with pytest.raises(RuntimeError, match="call reset"):
                self.env.step(actions)
            return
        seen, rewards, _, truncations, infos = self.env.step(actions)
        for row, single in enumerate(self.singles):
            if over[row]:  # only NEXT_STEP leaves one over
                self._same(seen[row], single.reset()[0])
                assert not rewards[row].any()
                assert not truncations[row]
                continue
            users = self.env.config.users_per_cell
            own = {agent: actions[row, cell, ..., : users[cell]] for cell, agent in enumerate(single.agents)}
            expected, paid, _, ended, _ = single.step(own)
            assert rewards[row].tolist() == list(paid.values())
            assert truncations[row] == all(ended.values())
            if truncations[row] and self.mode == "SAME_STEP":
                self._same(infos["final_obs"][row], expected)
                expected, _ = single.reset()
            self._same(seen[row], expected)

    @rule()
    def go_on_with_a_copy(self) -> None:
        self.env = pickle.loads(pickle.dumps(self.env))

    @rule()
    def go_on_from_the_numbers(self) -> None:
        state = self.env.state_dict()
        mode, threads = self.env.metadata["autoreset_mode"], self.env._blocks.runner.threads.num_threads
        self.env = MulticellVectorEnv(3, self.env.config, observation="gain", autoreset_mode=mode, num_threads=threads)
        self.env.reset(seed=77)
        self.env.load_state_dict(state)

    def _same(self, seen: np.ndarray, expected: dict[str, np.ndarray]) -> None:
        for cell, (agent, own) in enumerate(expected.items()):
            assert np.array_equal(seen[cell, ..., : own.shape[-1]], own), agent

    def teardown(self) -> None:
        if hasattr(self, "env"):
            self.env.close()


TestSingleEnvironment = SingleEnvironment.TestCase
TestSingleEnvironment.settings = SHORT
TestBatch = Batch.TestCase
TestBatch.settings = SHORT
