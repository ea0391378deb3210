"""Trained actors as files and as policies."""

import json

import numpy as np
import pytest
import safetensors.torch
import torch
from actor_files import save

import agents
from agents import JointEnv, TD3Mix, TD3MixConfig
from agents.saved_actor import ActorPolicy
from multicell_env import multicell_v0

SUFFIXES = pytest.mark.parametrize("suffix", [".pt", ".safetensors"])


def saved(tmp_path, network="set", observation="gain", *, suffix=".safetensors", **overrides):
    torch.manual_seed(0)
    env = JointEnv(multicell_v0.parallel_env(observation=observation, **overrides))
    config = TD3MixConfig(network=network, hidden_sizes=(8,))
    algorithm = TD3Mix(env, config)
    save(tmp_path / f"actor{suffix}", ActorPolicy.of(algorithm.policy.actor, env, {"config": {"num_cells": 3}}))
    return env, algorithm


@pytest.mark.parametrize("network", ["set", "mlp"])
@pytest.mark.parametrize("num_users", [4, (2, 4, 1)])
@pytest.mark.parametrize("damping_in_action", [False, True])  # actions of two planes
@SUFFIXES
def test_a_loaded_actor_acts_as_the_one_that_was_saved(tmp_path, network, num_users, damping_in_action, suffix):
    game = {"num_users": num_users, "damping_in_action": damping_in_action}
    env, algorithm = saved(tmp_path, network, suffix=suffix, **game)
    policy = agents.load(tmp_path / f"actor{suffix}")
    assert policy.metadata == {"config": {"num_cells": 3}}
    observations, _ = env.env.reset(seed=0)
    joint, _ = JointEnv(multicell_v0.parallel_env(observation="gain", **game)).reset(seed=0)
    with torch.no_grad():
        raw = algorithm.policy.actor(torch.from_numpy(joint["observation"])[None], algorithm.policy.mask)
    expected = algorithm.policy.map_action(raw)[0]
    actions = policy(observations)
    for index, agent in enumerate(env.agents):
        shape = env.env.action_space(agent).shape
        np.testing.assert_allclose(actions[agent], expected[index][..., : shape[-2], : shape[-1]], atol=1e-6)
        assert env.env.action_space(agent).contains(actions[agent])
    env.env.step(actions)


def test_files_from_before_actions_had_planes_still_load(tmp_path):
    saved(tmp_path, suffix=".pt")
    observations = {"bs_0": np.random.default_rng(0).normal(size=(3, 6, 4))}
    expected = agents.load(tmp_path / "actor.pt")(observations)["bs_0"]
    content = torch.load(tmp_path / "actor.pt", weights_only=True)
    del content["arguments"]["action_planes"]
    torch.save(content, tmp_path / "actor.pt")
    np.testing.assert_array_equal(agents.load(tmp_path / "actor.pt")(observations)["bs_0"], expected)


def test_batches_of_observations_give_batches_of_actions(tmp_path):
    saved(tmp_path)
    policy = agents.load(tmp_path / "actor.safetensors")
    observations = {"bs_0": np.random.default_rng(0).normal(size=(5, 3, 6, 4)).astype(np.float32)}
    batch = policy(observations)["bs_0"]
    assert batch.shape == (5, 6, 4)
    for index in range(5):
        np.testing.assert_allclose(policy({"bs_0": observations["bs_0"][index]})["bs_0"], batch[index], atol=1e-6)


def test_an_agents_action_depends_on_its_own_observation_alone(tmp_path):
    saved(tmp_path)
    policy = agents.load(tmp_path / "actor.safetensors")
    generator = np.random.default_rng(0)
    observations = {f"bs_{cell}": generator.normal(size=(3, 6, 4)).astype(np.float32) for cell in range(3)}
    alone = policy({"bs_1": observations["bs_1"]})["bs_1"]
    np.testing.assert_allclose(policy(observations)["bs_1"], alone, atol=1e-6)


def test_a_set_actor_with_gain_observations_plays_networks_of_any_size(tmp_path):
    saved(tmp_path)
    policy = agents.load(tmp_path / "actor.safetensors")
    env = multicell_v0.parallel_env(observation="gain", num_cells=5, num_antennas=16, num_users=(3, 8, 1, 2, 5), num_bands=9)
    observations, _ = env.reset(seed=0)
    actions = policy(observations)
    assert all(env.action_space(agent).contains(actions[agent]) for agent in env.agents)
    _, rewards, *_ = env.step(actions)
    assert all(np.isfinite(reward) and reward > 0 for reward in rewards.values())


@pytest.mark.parametrize(("network", "observation"), [("mlp", "gain"), ("set", "csi")])
def test_an_actor_that_does_not_fit_says_what_it_was_trained_on(tmp_path, network, observation):
    saved(tmp_path, network, observation)
    policy = agents.load(tmp_path / "actor.safetensors")
    other = multicell_v0.parallel_env(observation=observation, num_bands=9, num_antennas=12)
    with pytest.raises(ValueError, match=r"was trained on observations of shape.*Evaluate it on the network"):
        policy(other.reset(seed=0)[0])


@pytest.mark.parametrize("shapes", [[], [(2, 3, 6, 4), (3, 6, 4)], [(6, 4)]])
def test_observations_that_do_not_belong_together_are_refused(tmp_path, shapes):
    saved(tmp_path)
    with pytest.raises(ValueError, match=r"observations must .*; got"):
        agents.load(tmp_path / "actor.safetensors")({f"bs_{cell}": np.zeros(shape) for cell, shape in enumerate(shapes)})


def test_an_interrupted_save_leaves_the_old_file(tmp_path, monkeypatch):
    saved(tmp_path)
    before = (tmp_path / "actor.safetensors").read_bytes()
    monkeypatch.setattr("os.fsync", lambda descriptor: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        saved(tmp_path, network="mlp")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("actor.safetensors", before)]


def test_a_safetensors_file_holds_numbers_and_json_that_any_reader_understands(tmp_path):
    _, algorithm = saved(tmp_path, suffix=".safetensors")
    content = (tmp_path / "actor.safetensors").read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    facts = json.loads(header.pop("__metadata__")["actor"])
    assert facts["network"] == "set"
    assert facts["metadata"] == {"config": {"num_cells": 3}}
    assert {name.removeprefix("actor.") for name in header} == {*algorithm.policy.actor.state_dict(), "low", "high"}


@SUFFIXES
@pytest.mark.parametrize("damage", ["cut", "nonsense", "missing", "foreign", "bare"])
def test_an_actor_file_that_is_damaged_foreign_or_gone_says_so(tmp_path, suffix, damage):
    saved(tmp_path, suffix=suffix)
    path = tmp_path / f"actor{suffix}"
    if damage == "missing":
        path.unlink()
    elif damage == "foreign":
        content = {"weight": torch.zeros(3)}
        path.write_bytes(safetensors.torch.save(content)) if suffix == ".safetensors" else torch.save(content, path)
    elif damage == "bare":
        path.write_bytes(safetensors.torch.save({})) if suffix == ".safetensors" else torch.save(torch.zeros(3, 3), path)
    else:
        path.write_bytes(path.read_bytes()[:100] if damage == "cut" else b"nonsense")
    with pytest.raises(FileNotFoundError if damage == "missing" else ValueError, match=f"actor{suffix}"):
        agents.load(path)
