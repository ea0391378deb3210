"""The settings of the paper's Algorithm 1, each with its place in the paper: `train.py --preset paper`.

Source: K.-K. Wong et al., IEEE Access 2021, DOI 10.1109/ACCESS.2021.3059587.
"""

from collections.abc import Mapping

from agents.learner import Setting

NOT_PRINTED = "not printed: "
"""First words of the source of a setting that the paper does not give."""


def is_printed(setting: Setting) -> bool:
    """Whether the paper gives a setting's value."""
    return not setting.source.startswith(NOT_PRINTED)


_MLP = 'section V: "All MLPs here have 2 hidden layers"; "The size of each hidden layer is 128"'
_ADAM = 'section V: "ADAM is used as the optimizer"; "The learning rate is set to 10^-3"'
_SIGMA = "lines 7 and 11 print one sigma"

PAPER: Mapping[str, Setting] = {
    # What is learned on.
    "observation": Setting(
        "csi", '(17): "the channel matrices, the interference patterns over the frequencies and the ZF beamforming vectors"'
    ),
    "num_cells": Setting(3, 'section V: "a 3-cell network"'),
    "num_antennas": Setting(8, "figure 5: (M, U) = (8, 4); (32, 16) with --num-antennas 32 --num-users 16"),
    "num_users": Setting(4, "figure 5: (M, U) = (8, 4); (32, 16) with --num-antennas 32 --num-users 16"),
    "num_bands": Setting(6, "figure 5: N_f = 6"),
    "sir_db": Setting(0.0, "figure 5: SIR = 0dB"),
    "snr_db": Setting(20.0, 'section V: "per slot per user per frequency channel is set to 20dB"'),
    "num_slots": Setting(10, "figure 5: T = 10"),
    "damping": Setting(0.0, "(15): a user moves to where it answers"),
    "num_iterations": Setting(5, NOT_PRINTED + "k of lines 1 and 8; 5 is the network's default"),
    "reward": Setting("predicted", "(18) with c^B of (9), as users predict it in the last of k iterations"),
    # Networks.
    "network": Setting("mlp", _MLP),
    "hidden_sizes": Setting((128, 128), _MLP),
    "mixer": Setting("qmix", 'section V: "This scheme uses the QMIX architecture"'),
    "mixing_size": Setting(128, _MLP + ", the mixer included"),
    "mixing_layers": Setting(2, _MLP + ", the mixer included"),
    "mixer_state": Setting("observations", "line 12: Q_total of S', and S_t of (20) is what all BSs observe"),
    "num_critics": Setting(2, "line 12: the minimum over i = 1, 2"),
    # Exploration and target.
    "exploration_noise": Setting(0.2, NOT_PRINTED + _SIGMA + "; 0.2 is the target noise of TD3 [27]"),
    "target_noise": Setting(0.2, NOT_PRINTED + _SIGMA + "; 0.2 is the target noise of TD3 [27]"),
    "target_noise_clip": Setting(0.5, NOT_PRINTED + "c of line 11; 0.5 as in TD3 [27]"),
    "target": Setting("bootstrap", 'line 12; (22) is for "if the channel matrices change over time": --target one-step'),
    "gamma": Setting(0.99, 'section V: "The discount factor is 0.99"'),
    # Updates.
    "batch_size": Setting(16, 'section V: "The batch size of experience replay is 16"'),
    "critic_learning_rate": Setting(1e-3, _ADAM),
    "actor_learning_rate": Setting(1e-3, _ADAM),
    "actor_gradient": Setting("critic", "line 15: the gradient of Q_theta1, before mixing"),
    "actor_penalty": Setting(0.0, "line 15: the gradient has no other term"),
    "actor_delay": Setting(2, NOT_PRINTED + "d of line 14; 2 as in TD3 [27]"),
    "actor_rest": Setting(0, "line 14: the actor learns from the first update on"),
    "tau": Setting(0.005, NOT_PRINTED + "tau of line 16; 0.005 as in TD3 [27]"),
    # How long, and on how much at a time.
    "num_envs": Setting(1, "lines 6 to 10: one transition is stored in every slot t"),
    "num_updates": Setting(1, "lines 11 to 13: one update in every slot t"),
    "num_steps": Setting(10_000, NOT_PRINTED + "how many slots there are to learn from, T of line 6"),
    "warmup_steps": Setting(100, NOT_PRINTED + "line 11 needs N stored slots; these ten blocks of random play set the critics' units, too"),
    "buffer_size": Setting(5_000, NOT_PRINTED + "the size of the replay buffer of line 4"),
    "eval_interval": Setting(1_000, NOT_PRINTED + "how often the actor is evaluated"),
}
"""Settings of TD3-MIX+FLWF."""

_BASELINE = 'section V: "the reward divided by the number of users, as the global Q function"'

PAPER_K0: Mapping[str, Setting] = {
    **PAPER,
    "num_iterations": Setting(0, 'section V: "The BSs are trained without using the FLWF solution"'),
    "reward": Setting("user", _BASELINE),
    "target": Setting("reward", _BASELINE),
    "gamma": Setting(0.99, 'section V: "The discount factor is 0.99"; not in use without a next slot'),
}
"""Settings of TD3-MIX without negotiation, the paper's baseline."""

PRESETS: Mapping[str, Mapping[str, Setting]] = {"paper": PAPER, "paper-k0": PAPER_K0}
"""Presets by their names on the command line."""
