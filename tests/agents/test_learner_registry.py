"""The registry of learners: what every entry promises."""

import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from gymnasium.vector import AutoresetMode

from agents import JointEnv, PoolTraining
from agents.learner import PoolEnv
from agents.loading import load
from agents.registry import LEARNERS, learner_of
from multicell_env import MulticellVectorEnv, multicell_v0

ROOT = Path(__file__).parents[2]
SMALL = {"num_steps": 4, "num_envs": 2, "warmup_steps": 2, "buffer_size": 40}


def small(kind: type) -> Any:
    return kind(**{field.name: SMALL[field.name] for field in fields(kind) if field.name in SMALL})


def member(name: str, num_slots: int = 3) -> PoolEnv:
    mode = AutoresetMode.SAME_STEP if LEARNERS[name].is_differentiable else AutoresetMode.DISABLED
    stacked = MulticellVectorEnv(2, num_slots=num_slots, observation="gain", autoreset_mode=mode)
    return PoolEnv(lambda: multicell_v0.parallel_env(num_slots=num_slots, observation="gain"), stacked)


@pytest.mark.parametrize("name", LEARNERS)
def test_every_learner_is_found_by_its_hyperparameters(name: str) -> None:
    learner = LEARNERS[name]
    assert (learner.name, learner_of(learner.config())) == (name, learner)
    assert learner.summary


def test_hyperparameters_of_no_learner_are_refused() -> None:
    known = ", ".join(learner.config.__name__ for learner in LEARNERS.values())
    assert known.startswith("TD3MixConfig, APGConfig")
    with pytest.raises(TypeError, match=rf"must be one of {known}; got int\. Give one of them"):
        learner_of(3)


@pytest.mark.parametrize("name", LEARNERS)
def test_every_learner_makes_runs_alone_and_in_a_pool(name: str) -> None:
    learner = LEARNERS[name]
    run = learner.make_run(member(name), learner.config(), small(learner.length), seed=1)
    pool = PoolTraining([member(name), member(name, 2)], learner.config(), small(learner.length), seed=1)
    for one in (run, pool):
        for _ in range(2):
            one.step()
        assert one.steps_done == 2
        assert one.last_losses


@pytest.mark.parametrize("name", [name for name, learner in LEARNERS.items() if learner.start_from is not None])
def test_a_learner_that_can_begins_with_another_actor(name: str) -> None:
    learner = LEARNERS[name]
    assert learner.start_from is not None
    run, actor = learner.make_run(member(name), learner.config(), small(learner.length), seed=1), load("td3mix").actor
    learner.start_from(run, actor)
    assert all((own == given).all() for own, given in zip(run.actor.parameters(), actor.parameters(), strict=True))


@pytest.mark.parametrize("name", LEARNERS)
def test_networks_of_an_entry_fit_the_environment(name: str) -> None:
    learner = LEARNERS[name]
    env = JointEnv(multicell_v0.parallel_env(observation="gain"))
    networks = [learner.build_actor(env, learner.config()), *learner.build_critics(env, learner.config())]
    assert all(list(network.parameters()) for network in networks)


def test_the_registry_is_read_without_torch() -> None:
    code = "import sys, agents.registry; print({'torch', 'tianshou', 'multicell_env'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "set()"
