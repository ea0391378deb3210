"""Trained actors by name, run directory and file; nothing in a file is executed."""

import json
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from actor_files import save

import agents
import agents.loading
from agents.networks import SetActor
from agents.run_directory import RunDirectory
from agents.saved_actor import ActorPolicy, save_actor
from multicell_env import NetworkConfig, multicell_v0

ROOT = Path(__file__).parents[2]


class Exploit:
    """Makes a directory when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def small_policy() -> ActorPolicy:
    torch.manual_seed(0)
    metadata = {"observation": "gain", "config": {"num_cells": 3}, "step": 7, "seed": 0}
    return ActorPolicy(SetActor(num_planes=3, hidden_sizes=(8,)), np.asarray(0.0), np.asarray(1.0), metadata, [(6, 4)] * 3)


def observations() -> dict[str, np.ndarray]:
    generator = np.random.default_rng(0)
    return {f"bs_{cell}": generator.normal(size=(5, 3, 6, 4)).astype(np.float32) for cell in range(3)}


def test_every_shipped_actor_loads_by_its_name_and_acts():
    assert agents.shipped() == ["damped", "generalist", "k0_set", "rounds", "rounds_3gpp", "rounds_fair", "td3mix"]
    for name in agents.shipped():
        policy = agents.load(name)
        assert policy.observation == ("price" if name.startswith("rounds") else "gain")
        assert policy.batched
        own = NetworkConfig.from_json(policy.metadata["config"])
        actions = policy(multicell_v0.parallel_env(own, observation=policy.observation).reset(seed=0)[0])
        assert set(actions) == {"bs_0", "bs_1", "bs_2"}
        lowest, highest = own.action_limits
        assert all(np.all((action >= lowest) & (action <= highest)) for action in actions.values())


@pytest.mark.parametrize("name", ["best.pt", "best.safetensors"])
def test_a_run_directory_and_its_file_are_the_same_actor_in_either_form(tmp_path, name):
    directory = RunDirectory.create(tmp_path / "run", {})
    save(directory.path / name, small_policy())
    expected = small_policy()(observations())
    for place in (directory.path, str(directory.path), directory.path / name):
        assert agents.loading.metadata_of(place) == small_policy().metadata
        loaded = agents.load(place)
        assert loaded.metadata == small_policy().metadata
        for agent, action in loaded(observations()).items():
            np.testing.assert_array_equal(action, expected[agent])


def test_a_run_of_an_earlier_version_that_found_a_better_actor_plays_that_one(tmp_path):
    directory, better = RunDirectory.create(tmp_path / "run", {}), small_policy()
    save(directory.path / "best.pt", small_policy())
    better.metadata["step"] = 8
    save_actor(directory.path / "best.safetensors", better)
    assert agents.load(directory.path).metadata["step"] == 8


def test_an_actor_is_written_in_one_form_only(tmp_path):
    with pytest.raises(ValueError, match=r"must end in \.safetensors; got .*best\.pt\. Name it so\."):
        save_actor(tmp_path / "best.pt", small_policy())


def test_in_a_fresh_process_both_forms_give_the_same_actions_bit_for_bit(tmp_path):
    code = """
import sys, agents, numpy as np
for actor in sys.argv[2:]:
    np.savez(f"{actor}.npz", **agents.load(actor)(dict(np.load(sys.argv[1]))))
"""
    np.savez(tmp_path / "observations.npz", **observations())
    actors = [tmp_path / "best.pt", tmp_path / "best.safetensors"]
    for path in actors:
        save(path, small_policy())
    subprocess.run([sys.executable, "-c", code, tmp_path / "observations.npz", *actors], cwd=ROOT, check=True)
    first, second = ({agent: action.tobytes() for agent, action in np.load(f"{path}.npz").items()} for path in actors)
    assert first == second
    assert len(first) == 3


def test_names_and_metadata_of_actors_are_read_without_torch():
    code = "import sys, agents.loading as l; print(l.shipped(), l.metadata_of('td3mix')['observation'], 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "['damped', 'generalist', 'k0_set', 'rounds', 'rounds_3gpp', 'rounds_fair', 'td3mix'] gain False"


def test_an_unknown_name_is_answered_with_those_that_there_are():
    with pytest.raises(
        FileNotFoundError,
        match=r"no actor 'td4mix'. Give one of \['damped', 'generalist', 'k0_set', 'rounds', 'rounds_3gpp', 'rounds_fair', 'td3mix'\]",
    ):
        agents.load("td4mix")


@pytest.mark.parametrize("place", ["nowhere/best.pt", "nowhere/best.safetensors", "best.pt"])
def test_a_file_that_is_not_there_is_named(tmp_path, place):
    with pytest.raises(FileNotFoundError, match="there is no file"):
        agents.load(tmp_path / place)


def test_a_directory_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"best\.safetensors"):
        agents.load(tmp_path)


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
@pytest.mark.parametrize("write", [pickle.dump, torch.save, lambda content, file: torch.save({"format": 2, "actor": content}, file)])
def test_a_malicious_file_is_refused_and_nothing_in_it_is_executed(tmp_path, suffix, write):
    path = tmp_path / f"best{suffix}"
    with open(path, "wb") as file:
        write(Exploit(tmp_path / "hacked"), file)
    with pytest.raises(ValueError, match=r"best\."):
        agents.load(path)
    assert not (tmp_path / "hacked").exists()


def test_the_exploit_of_these_tests_works_where_pickles_are_trusted(tmp_path):
    pickle.loads(pickle.dumps(Exploit(tmp_path / "hacked")))
    assert (tmp_path / "hacked").exists()


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
@pytest.mark.parametrize("damage", ["empty", "cut", "nonsense", "flipped header"])
def test_a_damaged_file_is_refused_in_one_line(tmp_path, suffix, damage):
    path = tmp_path / f"best{suffix}"
    save(path, small_policy())
    content = path.read_bytes()
    changed = {
        "empty": b"",
        "cut": content[: len(content) // 2],
        "nonsense": b"nonsense",
        "flipped header": bytes([255] * 16) + content[16:],
    }
    path.write_bytes(changed[damage])
    with pytest.raises(ValueError, match=r"best\.") as refused:
        agents.load(path)
    assert "\n" not in str(refused.value)
    assert len(re.findall(r"\. (?:Give|Use) ", str(refused.value))) == 1, "one remedy"


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_an_actor_without_its_weights_is_refused_in_one_line(tmp_path, suffix, monkeypatch):
    path, policy = tmp_path / f"best{suffix}", small_policy()
    monkeypatch.setattr(policy.actor, "state_dict", dict)
    save(path, policy)
    with pytest.raises(ValueError, match=r"^.*got something else \(hidden_sizes of 0 weights.*\)\. Give a run's best\.safetensors\.$"):
        agents.load(path)


def test_a_safetensors_file_of_something_else_is_refused(tmp_path):
    import safetensors.torch

    path = tmp_path / "other.safetensors"
    safetensors.torch.save_file({"weight": torch.zeros(3)}, path)
    with pytest.raises(ValueError, match=r"must be an actor that train\.py saved"):
        agents.load(path)
    facts = {"format": 2, "network": "os.system", "arguments": {}, "action_shapes": [], "metadata": {}}
    safetensors.torch.save_file({"low": torch.zeros(1), "high": torch.ones(1)}, path, {"actor": json.dumps(facts)})
    with pytest.raises(ValueError, match=r"must be an actor that train\.py saved"):
        agents.load(path)
