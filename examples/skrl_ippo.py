"""IPPO of skrl: every base station learns from its own rewards, and all of them share one policy and one value network.

python examples/run.py skrl_ippo
"""

import argparse
import time

import torch
from report import RESULTS, report
from skrl.memories.torch import RandomMemory
from skrl.models.torch import DeterministicMixin, GaussianMixin, Model
from skrl.multi_agents.torch.ippo import IPPO, IPPO_CFG
from skrl.trainers.torch import SequentialTrainer
from skrl.utils import set_seed
from torch import nn

from multicell_env.adapters import SkrlEnv, flat_policy

NUM_ENVS, ROLLOUT = 64, 10  # blocks that are played together, and their slots before an update


def mlp(num_inputs: int, num_outputs: int) -> nn.Sequential:
    """Two hidden layers."""
    return nn.Sequential(nn.Linear(num_inputs, 128), nn.Tanh(), nn.Linear(128, 128), nn.Tanh(), nn.Linear(128, num_outputs))


class Policy(GaussianMixin, Model):
    """A Gaussian around the network's output."""

    def __init__(self, observation_space, action_space, device):
        Model.__init__(self, observation_space=observation_space, action_space=action_space, device=device)
        GaussianMixin.__init__(self)
        self.net = mlp(self.num_observations, self.num_actions)
        self.log_std = nn.Parameter(torch.full((self.num_actions,), 0.7))

    def compute(self, inputs, role=""):
        """Mean and width of the actions."""
        return self.net(inputs["observations"]), {"log_std": self.log_std}


class Value(DeterministicMixin, Model):
    """What a base station expects to earn."""

    def __init__(self, observation_space, action_space, device):
        Model.__init__(self, observation_space=observation_space, action_space=action_space, device=device)
        DeterministicMixin.__init__(self)
        self.net = mlp(self.num_observations, 1)

    def compute(self, inputs, role=""):
        """The value."""
        return self.net(inputs["observations"]), {}


def main(num_steps: int, seed: int) -> None:
    """Train, then compare."""
    torch.set_num_threads(1)  # networks this small are fastest so
    set_seed(seed)
    env = SkrlEnv(NUM_ENVS, reward_scale=10.0, seed=seed)
    agents, observation_spaces, action_spaces = env.possible_agents, env.observation_spaces, env.action_spaces
    spaces = observation_spaces[agents[0]], action_spaces[agents[0]], env.device
    shared = {"policy": Policy(*spaces), "value": Value(*spaces)}
    config = IPPO_CFG(rollouts=ROLLOUT, learning_epochs=4, mini_batches=4, discount_factor=0.5, learning_rate=1e-3, value_clip=0.0)
    for name in ("observation_preprocessor", "state_preprocessor", "value_preprocessor", "learning_rate_scheduler"):
        setattr(config, f"{name}_kwargs", {agent: {} for agent in agents})  # skrl 2.1.1 refuses its own defaults here
    config.experiment.directory, config.experiment.experiment_name = str(RESULTS / "skrl_ippo"), "skrl"
    config.experiment.checkpoint_interval = 0
    learner = IPPO(
        possible_agents=agents,
        models=dict.fromkeys(agents, shared),
        memories={agent: RandomMemory(memory_size=ROLLOUT, num_envs=NUM_ENVS, device=env.device) for agent in agents},
        observation_spaces=observation_spaces,
        state_spaces=env.state_spaces,
        action_spaces=action_spaces,
        device=env.device,
        cfg=config,
    )
    begin = time.perf_counter()
    SequentialTrainer(env=env, agents=learner, cfg={"timesteps": num_steps // NUM_ENVS, "headless": True}).train()
    seconds = time.perf_counter() - begin

    def act(agent, rows):
        with torch.no_grad():
            return shared["policy"].net(torch.as_tensor(rows)).numpy()

    report("skrl_ippo", flat_policy(act), algorithm="ippo", packages=("skrl",), num_steps=num_steps, seconds=seconds, seed=seed)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--num-steps", type=int, default=48_000, help="slots to train for")
    parser.add_argument("--seed", type=int, default=0)
    main(**vars(parser.parse_args()))
