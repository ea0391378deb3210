"""The settings with which one actor learns to tilt prices in every round; `train.py --algo apg --preset rounds` takes them."""

from collections.abc import Mapping

from agents.learner import Setting

_SLOT = "the five measurements of a slot that five iterations of a negotiation take"

ROUNDS: Mapping[str, Setting] = {
    # The game.
    "observation": Setting("price", "what a station measures, and the prices that it hears"),
    "action": Setting("price", "0 is the best response to prices, and no output is needed to fall silent"),
    "rounds_per_slot": Setting(5, _SLOT),
    "num_iterations": Setting(0, "the rounds take the place of the iterations"),
    "measuring_reward": Setting(0.1, "more teaches greed in the rounds that only measure"),
    # The actor.
    "network": Setting("set", "one actor for networks of all sizes"),
    "hidden_sizes": Setting((32, 32), "wider layers gain less than another seed does"),
    "is_centred": Setting(False, "the common level of a user's multipliers decides whether it falls silent"),
    "head_scale": Setting(0.1, "it begins near untilted prices, a good policy already"),
    # Updates.
    "slots_ahead": Setting(2, "the first slot, and one that begins where a slot has settled"),
    "going_on": Setting(0.5, "late slots have other budgets: what silent cells save rolls over"),
    "learning_rate": Setting(3e-3, "Adam's, where it is full"),
    "rise_steps": Setting(10, "Adam's moments are unknown at first"),
    "final_rate": Setting(0.03, "it falls in the second half of the run"),
    "gradient_clip": Setting(1.0, "gradients through ten rounds have rare large values"),
    "averaging": Setting(0.02, "an average over some 50 steps is evaluated and saved"),
    # How long, and on how much at a time.
    "num_envs": Setting(64, "rows of a batch, most of them of different networks"),
    "num_blocks": Setting(1024, "four of each of 256 networks"),
    "num_networks": Setting(256, "so many of each scenario that none is learned by heart"),
    "batch_growth": Setting(4, "small steps profit from gradients with less noise"),
    "num_steps": Setting(3000, "500 of each of six scenarios, in about 15 minutes"),
    "eval_interval": Setting(3000, "the average of the weights at the end of the falling rate is kept; checkpoints at Ctrl-C, too"),
    "eval_blocks": Setting(20, "networks of each scenario"),
    "final_blocks": Setting(20, "networks of each scenario; evaluate.py plays more"),
}
"""Rounds with price multipliers."""

PRESETS: Mapping[str, Mapping[str, Setting]] = {"rounds": ROUNDS}
"""By the names that the command line knows."""
