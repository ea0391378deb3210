"""A policy is tried on two blocks before it is played: its errors, and state that it keeps from one block to the next."""

import numpy as np

from multicell_env.channels.model import ChannelModel
from multicell_env.config import NetworkConfig
from multicell_env.evaluation.policies.deciding import Actions, decide
from multicell_env.evaluation.policies.errors import told_of
from multicell_env.evaluation.policies.policy import AnyPolicy, begin, has_reset, has_seed, is_batched, observation_of
from multicell_env.evaluation.unseen_blocks import draw_blocks
from multicell_env.observation import Observer

MOST_STEPS = 10
"""Steps of a block in which a policy is asked, at most."""
SAME = 1e-5
"""Actions that differ by less are the same: sums of floats depend on their order."""


def try_policy(name: str, policy: AnyPolicy, config: NetworkConfig, channels: ChannelModel | None = None) -> None:
    """Ask a policy for its actions in the same blocks again and again.

    Args:
        name: The policy's.
        policy: The policy.
        config: The network.
        channels: Where channels come from, in place of the model that the network names.

    Raises:
        ValueError: its attributes are wrong, it raises, it returns something else than finite actions of the right shapes, or it does not
            act the same on the same blocks.
    """
    observation_of(policy, f"policy {name!r}")
    with told_of(name, policy):
        first = _actions(policy, config, channels, MOST_STEPS)
        # A block that is left after its first step tells apart what returns to the same state with every whole block.
        for again in (_actions(policy, config, channels, 1), _actions(policy, config, channels, MOST_STEPS)):
            for step, (was, now) in enumerate(zip(first, again, strict=False), 1):
                if (difference := float(np.abs(was - now).max())) > SAME:
                    raise ValueError(
                        f"the policy must act the same on the same blocks; got actions that differ by {difference:.2g} in step {step} when "
                        f"blocks were played again. {_remedy(policy)}"
                    )


def _actions(policy: AnyPolicy, config: NetworkConfig, channels: ChannelModel | None, most_steps: int) -> list[Actions]:
    blocks = draw_blocks(config, 1 if has_reset(policy) and not is_batched(policy) else 2, channels=channels)
    observer, actions = Observer(observation_of(policy), blocks), []
    begin(policy, len(blocks), seed=0)
    for _ in range(min(config.num_steps, most_steps)):
        actions.append(decide(policy, observer, is_batched(policy)))
        blocks.play_slot(actions[-1])
        observer.advance()
    return actions


def _remedy(policy: AnyPolicy) -> str:
    state = "give it reset(num_blocks), which is called where blocks begin"
    state = "let reset(num_blocks) forget all of it" if has_reset(policy) else state
    random = "let seed(number) seed all of them" if has_seed(policy) else "give it seed(number), which seeds them"
    return f"If it keeps state, {state}; if it draws random numbers, {random}."
