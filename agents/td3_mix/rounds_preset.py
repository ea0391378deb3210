"""The settings of TD3-MIX with price multipliers in every round: `train.py --algo td3mix --preset rounds`."""

from collections.abc import Mapping

from agents.learner import Setting

_SLOT = "the five measurements of a slot that five iterations of a negotiation take"

ROUNDS: Mapping[str, Setting] = {
    # The game.
    "observation": Setting("price", "what a station measures, the prices that it hears, and the round"),
    "action": Setting("price", "0 is the best response to prices, and silence needs no output of its own"),
    "rounds_per_slot": Setting(5, _SLOT),
    "num_iterations": Setting(0, "the rounds replace the iterations"),
    "measuring_reward": Setting(0.1, "larger values reward selfish powers in the rounds that only measure"),
    # The actor, and what the critics see.
    "network": Setting("set", "one actor for networks of all sizes"),
    "hidden_sizes": Setting((32, 32), "as for apg"),
    "is_centred": Setting(False, "the mean of a user's multipliers over the bands decides whether it is silent"),
    "head_scale": Setting(0.1, "training starts near the best response to prices, which is a good policy"),
    "critic_input": Setting("meaning", "critics read the power shares that result from an action; they depend on more than the multiplier"),
    "mixer": Setting("residual", "bounded weights: no state and no agent dominates the gradient"),
    # Exploration, baseline and target.
    "warm_up": Setting("actor", "random multipliers lead to powers that no good policy uses"),
    "baseline": Setting("middle", "rewards vary more between networks than between actions"),
    "exploration_noise": Setting(0.05, "a fifth of a decade of a price; with 0.15 some trainings fail"),
    "target_noise": Setting(0.0, "the exploration noise is already small"),
    "target_noise_clip": Setting(0.0, "the exploration noise is already small"),
    "gamma": Setting(0.9, "a horizon of ten rounds, or two slots"),
    # Updates.
    "mixes_networks": Setting(True, "a batch has many networks; training on them in turn forgets earlier ones"),
    "short_episodes": Setting(10, "half of the rows play two slots, half whole blocks: first slots are the hardest and need more samples"),
    "batch_size": Setting(128, "two samples of each of 64 networks on average"),
    "critic_learning_rate": Setting(2e-3, "Adam's, before it falls"),
    "actor_learning_rate": Setting(5e-4, "Adam's, before it falls"),
    "actor_rest": Setting(200, "untrained critics would degrade an actor that starts as a good policy"),
    "tau": Setting(0.05, "as in the defaults"),
    "final_rate": Setting(0.03, "the learning rates fall in the second half of the run"),
    "averaging": Setting(0.02, "an average over some 50 updates of the actor is evaluated and saved"),
    # How long, and on how much at a time.
    "num_envs": Setting(64, "one row for each of 64 networks"),
    "num_updates": Setting(2, "as in the defaults"),
    "num_steps": Setting(900, "vector steps; each is one round of 64 networks"),
    "warmup_steps": Setting(20, "four slots"),
    "buffer_size": Setting(20_000, "the last 300 rounds"),
    "num_networks": Setting(256, "rows change networks between blocks, which avoids overfitting to a few"),
    "eval_interval": Setting(150, "the best evaluated actor is saved; the untrained one is among them"),
    "eval_blocks": Setting(40, "networks of each scenario"),
    "final_blocks": Setting(40, "networks of each scenario; evaluate.py plays more"),
}
"""Settings of TD3-MIX with price multipliers in rounds."""
