"""Steps per second of other multi-agent environments, one thread each, to stand beside our own measured in the same process.

    python benchmarks/peers.py

A step is one call of `step()` that moves every agent once; a batched environment counts one for every environment of its batch.
Actions are uniform at random and drawn before the clock starts. Episodes that end are reset, and the resets are timed with the steps.
Seconds are processor seconds of this process: on an idle machine the elapsed ones, on a shared core free of the others' turns, and a
second thread would be counted too.
"""

import importlib.util
import itertools
import os
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from pettingzoo import ParallelEnv

# OpenMP and BLAS read them once, when torch or numpy is first imported.
os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

# XLA reads it once, when jax is first imported.
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"

NUM_ACTIONS = 1000
NUM_SCANNED = 25
"""Steps of a compiled scan: an episode of JaxMARL's simple_spread."""
INSTALL = "pip install -c constraints.txt -e '.[bench,jaxmarl]'"


class Rate(NamedTuple):
    """Steps per second over several repeats, the fastest and the one in the middle."""

    best: float
    median: float


Measurement = Callable[[float], Rate]
"""Takes the seconds of one run, of which it makes several."""


def steps_per_second(step: Callable[[], object], seconds: float, *, steps_per_call: int = 1, repeats: int = 3) -> Rate:
    """Time `repeats` equal runs of `step`; a warm-up of `seconds`, not counted, decides how many calls a run has."""
    calls = 0
    end = time.process_time() + seconds
    while time.process_time() < end:
        step()
        calls += 1
    rates = []
    for _ in range(repeats):
        start = time.process_time()
        for _ in range(calls):
            step()
        rates.append(calls * steps_per_call / (time.process_time() - start))
    return Rate(max(rates), statistics.median(rates))


def parallel_env_rate(env: "ParallelEnv[Any, Any, Any]", seconds: float) -> Rate:
    """Any PettingZoo parallel environment, ours or a peer's: its agents are gone when an episode has ended."""
    env.reset(seed=0)
    spaces = {agent: env.action_space(agent) for agent in env.possible_agents}
    for index, space in enumerate(spaces.values()):
        space.seed(index)
    actions = itertools.cycle([{agent: space.sample() for agent, space in spaces.items()} for _ in range(NUM_ACTIONS)])

    def step() -> None:
        env.step(next(actions))
        if not env.agents:
            env.reset()

    return steps_per_second(step, seconds)


def mpe2_simple_spread(seconds: float) -> Rate:
    """MPE2's simple_spread_v3 with its default arguments: 3 agents, discrete actions, episodes of 25 steps."""
    from mpe2 import simple_spread_v3

    return parallel_env_rate(simple_spread_v3.parallel_env(), seconds)


def mobile_env_small(seconds: float) -> Rate:
    """mobile-env's mobile-small-ma-v0: 5 users that are agents, 3 base stations, episodes of 100 steps."""
    import gymnasium
    import mobile_env  # noqa: F401  (registers its environments)

    # Gymnasium's checker knows single agents only: it would warn of the rewards, which are one per agent.
    env: Any = gymnasium.make("mobile-small-ma-v0", disable_env_checker=True)
    env.reset(seed=0)
    env.action_space.seed(0)
    actions = itertools.cycle([env.action_space.sample() for _ in range(NUM_ACTIONS)])

    def step() -> None:
        _, _, terminated, truncated, _ = env.step(next(actions))
        if terminated or truncated:
            env.reset()

    return steps_per_second(step, seconds)


def vmas_simple_spread(num_envs: int, seconds: float) -> Rate:
    """VMAS's simple_spread, `num_envs` copies in one batch: 3 agents, continuous actions, and no end, hence no resets."""
    import torch
    import vmas

    torch.set_num_threads(1)
    env: Any = vmas.make_env("simple_spread", num_envs=num_envs, device="cpu", continuous_actions=True, seed=0)
    actions = itertools.cycle([[env.get_random_action(agent) for agent in env.agents] for _ in range(NUM_ACTIONS)])
    return steps_per_second(lambda: env.step(next(actions)), seconds, steps_per_call=num_envs)


def jaxmarl_simple_spread(num_envs: int, seconds: float) -> Rate:
    """JaxMARL's MPE_simple_spread_v3, `num_envs` copies: 3 agents, discrete actions, episodes of 25 steps.

    A call is a compiled scan of 25 steps, each of which resets what has ended; as that package does it, every step makes a new beginning
    for every environment and takes it where it is needed. Observations and rewards of every step are returned, as a learner needs them.
    """
    import jax
    import jaxmarl

    env = jaxmarl.make("MPE_simple_spread_v3", action_type="Discrete")
    keys = jax.random.split(jax.random.key(0), num_envs)
    _, states = jax.vmap(env.reset)(keys)
    drawn = {
        agent: jax.random.randint(jax.random.fold_in(jax.random.key(1), index), (NUM_SCANNED, num_envs), 0, 5)
        for index, agent in enumerate(env.agents)
    }

    @jax.jit
    def play(states: Any, key: Any) -> Any:
        def step(carried: Any, actions: Any) -> Any:
            states, key = carried
            key, own = jax.random.split(key)
            observations, states, rewards, _, _ = jax.vmap(env.step)(jax.random.split(own, num_envs), states, actions)
            return (states, key), (observations, rewards)

        return jax.lax.scan(step, (states, key), drawn)

    carried = states, jax.random.key(2)

    def scan() -> None:
        nonlocal carried
        carried, seen = play(*carried)
        jax.block_until_ready(seen)

    scan()  # compiles
    return steps_per_second(scan, seconds, steps_per_call=NUM_SCANNED * num_envs)


# What to print -> the module that must be installed, and the measurement.
PEERS: dict[str, tuple[str, Measurement]] = {
    "mpe2 simple_spread_v3": ("mpe2", mpe2_simple_spread),
    "mobile-env mobile-small-ma-v0": ("mobile_env", mobile_env_small),
    "vmas simple_spread, 1 env": ("vmas", partial(vmas_simple_spread, 1)),
    "vmas simple_spread, 1024 envs": ("vmas", partial(vmas_simple_spread, 1024)),
    "jaxmarl simple_spread, 1024 envs": ("jaxmarl", partial(jaxmarl_simple_spread, 1024)),
}


def installed_peers() -> dict[str, Measurement]:
    """The measurements that can run here; of every other peer, say that it is skipped and how to get it."""
    installed = {}
    for name, (module, measurement) in PEERS.items():
        if importlib.util.find_spec(module):
            installed[name] = measurement
        else:
            print(f"{name} is skipped: {module} is not installed. To compare with it: {INSTALL}")
    return installed


def measure_in_turns(measurements: dict[str, Measurement], *, rounds: int = 5, seconds: float = 0.5) -> dict[str, Rate]:
    """Run all measurements once a round, so that a machine whose speed drifts is as slow for one as for the next."""
    turns = [{name: measurement(seconds) for name, measurement in measurements.items()} for _ in range(rounds)]
    return {
        name: Rate(max(turn[name].best for turn in turns), statistics.median(turn[name].median for turn in turns)) for name in measurements
    }


if __name__ == "__main__":
    for name, rate in measure_in_turns(installed_peers()).items():
        print(f"{name:32} {rate.best:12,.0f} steps/s   median {rate.median:12,.0f}")
