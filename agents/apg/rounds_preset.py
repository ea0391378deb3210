"""The settings of the analytic policy gradient with price multipliers in every round: `train.py --algo apg --preset rounds`."""

from collections.abc import Mapping

from agents.learner import Setting

_SLOT = "the five measurements of a slot that five iterations of a negotiation take"

ROUNDS: Mapping[str, Setting] = {
    # The game.
    "observation": Setting("price", "what a station measures, and the prices that it hears"),
    "action": Setting("price", "0 is the best response to prices, and silence needs no output of its own"),
    "rounds_per_slot": Setting(5, _SLOT),
    "num_iterations": Setting(0, "the rounds replace the iterations"),
    "measuring_reward": Setting(0.1, "larger values reward selfish powers in the rounds that only measure"),
    # The actor.
    "network": Setting("set", "one actor for networks of all sizes"),
    "hidden_sizes": Setting((32, 32), "wider layers change the result less than the seed does"),
    "is_centred": Setting(False, "the mean of a user's multipliers over the bands decides whether it is silent"),
    "head_scale": Setting(0.1, "training starts near the best response to prices, which is a good policy"),
    # Updates.
    "slots_ahead": Setting(2, "the first slot, and one that starts from settled powers"),
    "going_on": Setting(0.5, "late slots have larger budgets: silent cells carry power over"),
    "learning_rate": Setting(3e-3, "Adam's, after warm-up and before it falls"),
    "rise_steps": Setting(10, "warm-up, because Adam's moments are inaccurate at first"),
    "final_rate": Setting(0.03, "it falls in the second half of the run"),
    "gradient_clip": Setting(1.0, "gradients through ten rounds have rare large values"),
    "averaging": Setting(0.02, "an average over some 50 steps is evaluated and saved"),
    # How long, and on how much at a time.
    "num_envs": Setting(64, "rows of a batch, most of them of different networks"),
    "num_blocks": Setting(1024, "four of each of 256 networks"),
    "num_networks": Setting(256, "of each scenario; fewer would be overfitted"),
    "batch_growth": Setting(4, "small learning rates profit from less noisy gradients"),
    "num_steps": Setting(3000, "500 of each of six scenarios, in about 15 minutes"),
    "eval_interval": Setting(3000, "only the final average of the weights is evaluated and saved; Ctrl-C still writes a checkpoint"),
    "eval_blocks": Setting(20, "networks of each scenario"),
    "final_blocks": Setting(20, "networks of each scenario; evaluate.py plays more"),
}
"""Settings of the analytic policy gradient with price multipliers in rounds."""

PRESETS: Mapping[str, Mapping[str, Setting]] = {"rounds": ROUNDS}
"""Presets by their names on the command line."""
