"""The settings with which TD3-MIX learns to tilt prices in every round; `train.py --algo td3mix --preset rounds` takes them."""

from collections.abc import Mapping

from agents.learner import Setting

_SLOT = "the five measurements of a slot that five iterations of a negotiation take"

ROUNDS: Mapping[str, Setting] = {
    # The game.
    "observation": Setting("price", "what a station measures, the prices that it hears, and the round"),
    "action": Setting("price", "0 is the best response to prices, and no output is needed to fall silent"),
    "rounds_per_slot": Setting(5, _SLOT),
    "num_iterations": Setting(0, "the rounds take the place of the iterations"),
    "measuring_reward": Setting(0.1, "more teaches greed in the rounds that only measure"),
    # The actor, and what the critics see.
    "network": Setting("set", "one actor for networks of all sizes"),
    "hidden_sizes": Setting((32, 32), "as for apg"),
    "is_centred": Setting(False, "the common level of a user's multipliers decides whether it falls silent"),
    "head_scale": Setting(0.1, "it begins near untilted prices, a good policy already"),
    "critic_input": Setting("meaning", "the shares of the budget that an action takes; a multiplier alone says little of them"),
    "mixer": Setting("residual", "a QMIX whose weights are bounded, beside the sum: no state or agent counts for much more than another"),
    # Exploration, baseline and target.
    "warm_up": Setting("actor", "random multipliers show powers that no good policy plays"),
    "baseline": Setting("middle", "networks differ far more than actions do"),
    "exploration_noise": Setting(0.05, "a fifth of a decade of a price; 0.15 loses some trainings"),
    "target_noise": Setting(0.0, "exploration is small already"),
    "target_noise_clip": Setting(0.0, "exploration is small already"),
    "gamma": Setting(0.9, "ten rounds, two slots: a round is judged by the slots that it prepares"),
    # Updates.
    "mixes_networks": Setting(True, "a batch of many networks; turns forget"),
    "short_episodes": Setting(
        10, "half of the rows play two slots, half whole blocks: the first slot is the hardest, and late ones differ"
    ),
    "batch_size": Setting(128, "some of each of 64 networks"),
    "critic_learning_rate": Setting(2e-3, "Adam's, where it is full"),
    "actor_learning_rate": Setting(5e-4, "Adam's, where it is full"),
    "actor_rest": Setting(200, "a good actor would be spoilt by critics that know nothing yet"),
    "tau": Setting(0.05, "as in the defaults"),
    "final_rate": Setting(0.03, "the rates fall in the second half of the run"),
    "averaging": Setting(0.02, "an average over some 50 updates of the actor is evaluated and saved"),
    # How long, and on how much at a time.
    "num_envs": Setting(64, "rows, all of different networks"),
    "num_updates": Setting(2, "as in the defaults"),
    "num_steps": Setting(900, "rounds of 64 networks"),
    "warmup_steps": Setting(20, "four slots"),
    "buffer_size": Setting(20_000, "the last 300 rounds"),
    "num_networks": Setting(256, "rows go on to others when blocks begin, so that none is learned by heart"),
    "eval_interval": Setting(150, "the highest of these is saved, the untrained actor included"),
    "eval_blocks": Setting(40, "networks of each scenario"),
    "final_blocks": Setting(40, "networks of each scenario; evaluate.py plays more"),
}
"""Rounds with price multipliers."""
