"""No framework: a small policy in NumPy, improved by evolution strategies.

    python examples/run.py framework_free

Every (band, user) of a base station is a token. One linear layer and one hidden layer, shared by all tokens, read a token's planes and
their means over the users, over the bands and over both; so 800 weights or so play any number of bands and users. In each generation,
pairs of mutants (weights plus and minus noise) play blocks side by side, the two of a pair on equal channels, and the weights move
towards the better one of each pair.
"""

import argparse
import time

import numpy as np
from report import report

from multicell_env import MulticellVectorEnv

HIDDEN, NOISE, RATE = 16, 0.1, 0.05
SHAPES = [(12, HIDDEN), (HIDDEN,), (4 * HIDDEN, 1)]
SIZES = [int(np.prod(shape)) for shape in SHAPES]


def pooled(x):
    """Tokens `[..., band, user, feature]` beside their means over users, bands and both."""
    means = [x.mean(axis, keepdims=True) for axis in (-2, -3, (-3, -2))]
    return np.concatenate([x, *(np.broadcast_to(mean, x.shape) for mean in means)], axis=-1)


def act(weights, planes):
    """Fractions `[mutant, row, band, user]` for planes `[mutant, row, plane, band, user]`; weights `[mutant, number]`."""
    first, bias, last = (
        part.reshape(len(weights), 1, 1, *shape)
        for part, shape in zip(np.split(weights, np.cumsum(SIZES)[:-1], axis=1), SHAPES, strict=True)
    )
    hidden = np.tanh(pooled(np.moveaxis(planes, -3, -1)) @ first + bias[..., None, :])
    return 1.0 / (1.0 + np.exp(-4.0 * (pooled(hidden) @ last)[..., 0]))


parser = argparse.ArgumentParser(description="Evolve a policy in NumPy and compare it.")
parser.add_argument("--num-steps", type=int, default=400_000, help="slots that all base stations play")
parser.add_argument("--num-pairs", type=int, default=32, help="pairs of mutants in a generation")
parser.add_argument("--num-blocks", type=int, default=4, help="blocks that each mutant plays in a generation")
parser.add_argument("--seed", type=int, default=0)
args = parser.parse_args()

generator = np.random.default_rng(args.seed)
mutants, blocks = 2 * args.num_pairs, args.num_blocks
env = MulticellVectorEnv(mutants * blocks, observation="gain")
slots, shape = env.config.num_slots, env.single_observation_space.shape
steps_per_generation = mutants * blocks * slots
weights = np.concatenate([generator.normal(size=size) / np.sqrt(shape[0]) for size, shape in zip(SIZES, SHAPES, strict=True)])
velocity = np.zeros_like(weights)
begin = time.monotonic()
for generation in range(1, max(1, args.num_steps // steps_per_generation) + 1):
    noise = generator.normal(size=(args.num_pairs, len(weights)))
    population = weights + NOISE * np.concatenate([noise, -noise])
    # Both of a pair, and all pairs, play the same blocks.
    observations, _ = env.reset(seed=np.tile(generator.integers(2**31, size=blocks), mutants))
    capacity = np.zeros(mutants)
    for _ in range(slots):
        actions = act(population, observations.reshape(mutants, -1, *shape[1:])).reshape(env.action_space.shape)
        observations, rewards, *_ = env.step(actions.astype(np.float32))
        capacity += rewards.reshape(mutants, -1).mean(axis=1) / slots
    better = capacity[: args.num_pairs] - capacity[args.num_pairs :]
    velocity = 0.8 * velocity + better @ noise / (args.num_pairs * max(better.std(), 1e-6))
    weights = weights + RATE * velocity
    if generation % 10 == 0:
        print(f"{generation * steps_per_generation:9,} steps: {capacity.mean():.1f} bit/s/Hz over the block", flush=True)
seconds = time.monotonic() - begin


def policy(observations):
    """What was evolved, for one base station after another."""
    return {agent: act(weights[None], planes[None])[0] for agent, planes in observations.items()}


policy.batched = True
report(
    "framework_free",
    policy,
    algorithm="evolution",
    packages=("numpy",),
    num_steps=generation * steps_per_generation,
    seconds=seconds,
    seed=args.seed,
)
