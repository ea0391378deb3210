"""Algorithms of other libraries on our environment, judged on the same unseen blocks as TD3-MIX.

    python benchmarks/peer_algorithms.py ppo --seed 0                       # writes docs/peers/ppo-library-1000-0.json
    python benchmarks/peer_algorithms.py ppo --seed 0 --num-steps 10000
    python benchmarks/peer_algorithms.py maddpg --seed 0 --settings adapted
    python benchmarks/peer_algorithms.py ppo --num-seeds 5 --executor ray    # five runs on a cluster
    python benchmarks/peer_algorithms.py ppo --rounds asymmetric            # the game of the actor `rounds`; a row in its table

Each library lives in a virtual environment of its own, a CPU build of torch first:

    pip install torch==2.13.0
    pip install -c constraints.txt -e . stable-baselines3==2.9.2            # ppo
    pip install -c constraints.txt -e . torchrl==0.14.1                     # maddpg

The paper's scenario and "gain" observations; the libraries' own MLPs, shared by all base stations; one torch thread. As TD3-MIX's
default run, 1000 vector steps of 32 environments: 32,000 joint steps. A joint step moves all base stations, so PPO counts it three times.

Settings "library" are what the library or its tutorial uses, but for the length of PPO's rollout: 2048 slots of 96 agents are more than the
whole run has, so 20 vector steps hold about as many transitions (1920) as its 2048 do with one agent. "adapted" gives the peer what
TD3-MIX's defaults know of the task: gamma 0.5, and rewards moved and scaled to the size of one. Nothing was searched.

With `--rounds SCENARIO` a step is a round of the preset `rounds`, where actions tilt prices and observations are "price"; every block is on
another network of the scenario. "adapted" is gamma 0.9 there, and rewards scaled alone. The peer stands in the table of evaluate.py, as
`NAME_rounds` and `NAME_rounds_then_pricing`.

Processor seconds are those of this one-threaded process. They leave out the turns of others, not what a crowded machine costs: equal runs
of PPO took 44 to 106 of them.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, NamedTuple

# OpenMP and BLAS read them once, when torch or numpy is first imported.
os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np
import supersuit
import torch
import tyro
from peer_rounds import InRounds, ScenarioNetworks
from peer_seeds import run_seeds, words_of
from pettingzoo.utils.wrappers import BaseParallelWrapper

from agents.loading import load
from experiments.executors.engines import PROCESSES, ClusterArguments
from experiments.provenance import provenance
from experiments.studies.scenario_comparison import compare_on_scenario
from multicell_env import NetworkConfig, multicell_v0
from multicell_env.evaluation.playing import FIRST_SEED, evaluate_policy
from multicell_env.evaluation.policies import Policy
from multicell_env.scenarios import draw_networks, scenario_named

NUM_ENVS = 32
ADAPTED_GAMMA = 0.5
# Roughly the mean and spread of a cell's sum rate under random play, bit/s/Hz.
REWARD_OFFSET, REWARD_SCALE = 30.0, 10.0
# The same of a round that transmits; the others have a tenth of it.
ROUND_REWARD_SCALE, ROUNDS_GAMMA = 50.0, 0.9


@dataclass(frozen=True)
class Arguments:
    """Train another library's algorithm on our environment and play it on unseen blocks."""

    algorithm: tyro.conf.Positional[Literal["ppo", "maddpg"]]
    """ppo: Stable-Baselines3 through SuperSuit. maddpg: TorchRL."""
    seed: int = 0
    """Seed of networks, exploration and channels."""
    num_seeds: int = 1
    """Runs, of this seed and those that follow it; each writes its own file."""
    num_workers: int | None = None
    """Runs at a time; 1 on this machine, on a cluster as many as it has processors."""
    where: tyro.conf.OmitArgPrefixes[ClusterArguments] = field(default_factory=ClusterArguments)
    """Where they run; files come back to this machine."""
    num_steps: int = 1000
    """Vector steps of 32 environments; a multiple of 100, so that rollouts and batches come out even."""
    settings: Literal["library", "adapted"] = "library"
    """The library's own hyperparameters, or those with what TD3-MIX knows of the task."""
    rounds: Literal["paper", "asymmetric", "irregular-7"] | None = None
    """Learn the game of rounds on networks of this scenario; the default game, on the paper's network, otherwise."""
    num_blocks: int = 200
    """Unseen blocks to play; of a scenario: networks, one block each."""
    output: Path = Path("docs/peers")
    """Where the JSON file goes."""

    def __post_init__(self) -> None:
        if self.num_steps < 1 or self.num_steps % 100:
            raise ValueError(f"--num-steps must be a positive multiple of 100; got {self.num_steps}. Give 1000, say.")
        if self.num_seeds < 1:
            raise ValueError(f"--num-seeds must be at least 1; got {self.num_seeds}. Give a positive whole number.")
        if self.seed < 0:
            raise ValueError(f"--seed must not be negative; got {self.seed}. Give 0 or more.")


OF_MANY = ("num_seeds", "num_workers", "where")
"""Arguments that say how many runs there are, and where."""


class Learner(NamedTuple):
    """An algorithm that is set up and has not begun."""

    learn: Callable[[], object]
    policy: Policy
    """Without exploration; it changes as `learn` goes on."""
    settings: dict[str, Any]


class SmallRewards(BaseParallelWrapper):
    """An environment whose rewards are of the size of one."""

    def __init__(self, env: Any, offset: float, scale: float) -> None:
        super().__init__(env)
        self.offset, self.scale = offset, scale

    def step(self, actions: Any) -> Any:
        """One slot, or one round of it."""
        observations, rewards, *others = super().step(actions)
        return observations, {agent: (reward - self.offset) / self.scale for agent, reward in rewards.items()}, *others


def make_env(arguments: Arguments) -> Any:
    """One environment of the game that was asked for."""
    if arguments.rounds is not None:
        env: Any = ScenarioNetworks(arguments.rounds)
        return SmallRewards(env, 0.0, ROUND_REWARD_SCALE) if arguments.settings == "adapted" else env
    env = multicell_v0.parallel_env(observation="gain")
    return SmallRewards(env, REWARD_OFFSET, REWARD_SCALE) if arguments.settings == "adapted" else env


def adapted_gamma(arguments: Arguments) -> float:
    """Gamma of the settings "adapted"."""
    return ADAPTED_GAMMA if arguments.rounds is None else ROUNDS_GAMMA


def ppo(arguments: Arguments) -> Learner:
    """Stable-Baselines3's PPO; every base station of every environment is one of its environments, so that all share one policy."""
    from stable_baselines3 import PPO
    from stable_baselines3.common.utils import set_random_seed

    set_random_seed(arguments.seed)
    one = supersuit.pettingzoo_env_to_vec_env_v1(make_env(arguments))
    envs: Any = supersuit.concat_vec_envs_v1(one, NUM_ENVS, num_cpus=0, base_class="stable_baselines3")
    # PPO(seed=...) and envs.reset(seed=...) call a method that SuperSuit's class has not; copy i takes this seed + i.
    envs.venv.reset(seed=arguments.seed * NUM_ENVS)
    settings: dict[str, Any] = {"n_steps": 20}
    if arguments.settings == "adapted":
        settings["gamma"] = adapted_gamma(arguments)
    model = PPO("MlpPolicy", envs, device="cpu", **settings)
    names = ("learning_rate", "n_steps", "batch_size", "n_epochs", "gamma", "gae_lambda", "ent_coef", "vf_coef", "max_grad_norm")

    def policy(observations: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {agent: model.predict(planes, deterministic=True)[0] for agent, planes in observations.items()}

    return Learner(lambda: model.learn(arguments.num_steps * envs.num_envs), policy, {name: getattr(model, name) for name in names})


def maddpg(arguments: Arguments) -> Learner:
    """MADDPG from TorchRL's parts, with the hyperparameters of TorchRL's tutorial on it; one actor and one central critic for all."""
    from tensordict import TensorDict
    from tensordict.nn import TensorDictModule, TensorDictSequential
    from torchrl.collectors import Collector
    from torchrl.data import LazyTensorStorage, ReplayBuffer
    from torchrl.envs import FlattenObservation, PettingZooWrapper, SerialEnv, TransformedEnv
    from torchrl.modules import AdditiveGaussianModule, MultiAgentMLP, ProbabilisticActor, TanhDelta
    from torchrl.objectives import DDPGLoss, SoftUpdate, ValueEstimators

    # TorchRL puts all agents named bs_* in one group.
    observation, action, value = ("bs", "observation"), ("bs", "action"), ("bs", "state_action_value")
    frames = arguments.num_steps * NUM_ENVS
    gamma = adapted_gamma(arguments) if arguments.settings == "adapted" else 0.99
    # The tutorial makes 100 updates after every 1000 frames; 80 after 800 are as many.
    frames_per_batch, updates_per_batch = 25 * NUM_ENVS, 80
    learning_rate, tau, max_grad_norm, batch_size = 3e-4, 0.005, 1.0, 128
    noise_settings: dict[str, Any] = {"sigma_init": 0.9, "sigma_end": 0.1, "annealing_num_steps": frames // 2}
    network_settings: dict[str, Any] = {"share_params": True, "depth": 2, "num_cells": 256, "activation_class": torch.nn.Tanh}

    torch.manual_seed(arguments.seed)
    many = SerialEnv(NUM_ENVS, lambda: PettingZooWrapper(make_env(arguments)))
    envs = TransformedEnv(many, FlattenObservation(-3, -1, in_keys=[observation]))
    envs.set_seed(arguments.seed)
    spec: Any = envs.full_action_spec_unbatched[action]
    num_agents, num_inputs = envs.full_observation_spec_unbatched[observation].shape
    num_outputs = spec.shape[1:].numel()

    mlp = MultiAgentMLP(num_inputs, num_outputs, n_agents=num_agents, centralised=False, **network_settings)
    bands_and_users = torch.nn.Sequential(mlp, torch.nn.Unflatten(-1, spec.shape[1:]))
    actor = ProbabilisticActor(
        TensorDictModule(bands_and_users, in_keys=[observation], out_keys=[("bs", "param")]),
        spec=spec,
        in_keys=[("bs", "param")],
        out_keys=[action],
        distribution_class=TanhDelta,
        distribution_kwargs={"low": spec.space.low, "high": spec.space.high},
    )
    critic_mlp = MultiAgentMLP(num_inputs + num_outputs, 1, n_agents=num_agents, centralised=True, **network_settings)
    critic = TensorDictSequential(
        TensorDictModule(lambda o, a: torch.cat([o, a.flatten(-2)], dim=-1), in_keys=[observation, action], out_keys=[("bs", "both")]),
        TensorDictModule(critic_mlp, in_keys=[("bs", "both")], out_keys=[value]),
    )
    loss = DDPGLoss(actor, critic, delay_value=True, loss_function="l2")
    loss.set_keys(state_action_value=value, reward=("bs", "reward"), done=("bs", "done"), terminated=("bs", "terminated"))
    loss.make_value_estimator(ValueEstimators.TD0, gamma=gamma)
    targets = SoftUpdate(loss, tau=tau)
    optimizers = {
        "loss_actor": torch.optim.Adam(loss.actor_network_params.flatten_keys().values(), lr=learning_rate),
        "loss_value": torch.optim.Adam(loss.value_network_params.flatten_keys().values(), lr=learning_rate),
    }
    noise = AdditiveGaussianModule(spec, action_key=action, **noise_settings)
    buffer = ReplayBuffer(storage=LazyTensorStorage(frames), batch_size=batch_size)
    collector = Collector(envs, TensorDictSequential(actor, noise), frames_per_batch=frames_per_batch, total_frames=frames)

    def learn() -> None:
        for batch in collector:
            buffer.extend(batch.reshape(-1))
            noise.step(batch.numel())
            for _ in range(updates_per_batch):
                losses = loss(buffer.sample())
                for name, optimizer in optimizers.items():
                    losses[name].backward()
                    torch.nn.utils.clip_grad_norm_(optimizer.param_groups[0]["params"], max_grad_norm)
                    optimizer.step()
                    optimizer.zero_grad()
                targets.step()

    def policy(observations: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        planes = torch.as_tensor(np.stack([each.reshape(len(each), -1) for each in observations.values()], axis=1))
        with torch.no_grad():
            actions = actor(TensorDict({"bs": {"observation": planes}}, batch_size=len(planes)))[action].numpy()
        return {agent: actions[:, cell] for cell, agent in enumerate(observations)}

    settings = {
        "gamma": gamma,
        "learning_rate": learning_rate,
        "tau": tau,
        "max_grad_norm": max_grad_norm,
        "batch_size": batch_size,
        "frames_per_batch": frames_per_batch,
        "updates_per_batch": updates_per_batch,
        "buffer_size": frames,
        "networks": {**network_settings, "activation_class": "Tanh"},
        "noise": noise_settings,
    }
    return Learner(learn, policy, settings)


# Name -> the algorithm, and the package that it needs.
ALGORITHMS: dict[str, tuple[Callable[[Arguments], Learner], str]] = {
    "ppo": (ppo, "stable-baselines3==2.9.2"),
    "maddpg": (maddpg, "torchrl==0.14.1"),
}


def main(arguments: Arguments) -> None:
    """Train, play on unseen blocks, print, save."""
    if arguments.num_seeds > 1 or arguments.where != PROCESSES:
        seeds = range(arguments.seed, arguments.seed + arguments.num_seeds)
        return run_seeds(words_of(arguments), seeds, arguments.output, arguments.where, arguments.num_workers)
    torch.set_num_threads(1)
    set_up, needs = ALGORITHMS[arguments.algorithm]
    try:
        learner = set_up(arguments)
    except ModuleNotFoundError as error:
        sys.exit(
            f"error: {arguments.algorithm} needs {error.name}. In an environment of its own: pip install -c constraints.txt -e . {needs}"
        )

    begin, processor_begin = time.perf_counter(), time.process_time()
    learner.learn()
    seconds, processor_seconds = time.perf_counter() - begin, time.process_time() - processor_begin

    name = f"{arguments.algorithm}-{arguments.settings}-{arguments.num_steps}-{arguments.seed}"
    if arguments.rounds is not None:
        policies = {"apg": load("rounds"), arguments.algorithm: InRounds(learner.policy)}
        networks = draw_networks(scenario_named(arguments.rounds), arguments.num_blocks, FIRST_SEED)
        file = f"rounds-{arguments.rounds}-{name}.json"
        compare_on_scenario(policies, arguments.rounds, networks, seed=FIRST_SEED, output=arguments.output, file=file)
        print(f"{name}: {arguments.num_steps * NUM_ENVS} rounds; {seconds:.0f} s elapsed, {processor_seconds:.0f} s of processor")
        return
    config = NetworkConfig()
    result = evaluate_policy(name, learner.policy, config, observation="gain", batched=True, num_blocks=arguments.num_blocks)
    summaries = {
        "first_slot": replace(result, per_slot=result.per_slot[:, :1]).last_slot,
        "last_slot": result.last_slot,
        "all_slots": result.all_slots,
    }
    env_steps, made_with = arguments.num_steps * NUM_ENVS, provenance()
    content = {
        "arguments": {key: value for key, value in asdict(arguments).items() if key not in OF_MANY} | {"output": str(arguments.output)},
        "config": asdict(config),
        "hyperparameters": learner.settings,
        "env_steps": env_steps,
        "seconds": seconds,
        "processor_seconds": processor_seconds,
        "env_steps_per_second": env_steps / seconds,
        "env_steps_per_processor_second": env_steps / processor_seconds,
        **summaries,
        "per_slot": result.per_slot.mean(axis=0).tolist(),
        **{key: made_with[key] for key in ("git_commit", "python")},
        "versions": {
            package: version(package) for package in ("gymnasium", "numpy", "pettingzoo", "supersuit", "torch", needs.split("==")[0])
        },
    }
    arguments.output.mkdir(parents=True, exist_ok=True)
    (path := arguments.output / f"{name}.json").write_text(json.dumps(content, indent=1, allow_nan=False) + "\n")
    numbers = ", ".join(f"{key} {summary['mean']:.2f} ± {summary['ci95']:.2f}" for key, summary in summaries.items())
    print(f"{name}: {numbers} bit/s/Hz; {seconds:.0f} s elapsed, {processor_seconds:.0f} s of processor; wrote {path}")


if __name__ == "__main__":
    main(tyro.cli(Arguments))
