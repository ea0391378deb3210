"""Modules that are no part of the public interface, and so not in the API reference. Kernels are not in it either."""

INTERNAL = (
    *("agents.checkpoints.trees", "agents.files", "agents.pool", "agents.replay_buffer", "agents.run_directory", "agents.set_linear"),
    *("agents.stacked", "agents.streams", "agents.training_run", "agents.apg.entry", "agents.td3_mix.baseline", "agents.td3_mix.clock"),
    *("agents.td3_mix.critics", "agents.td3_mix.entry", "agents.td3_mix.mixed", "agents.td3_mix.observed_targets"),
    *("multicell_env.allocations.climbing", "multicell_env.allocations.colouring", "multicell_env.allocations.fair_sharing"),
    *("multicell_env.allocations.sharing", "multicell_env.arguments", "multicell_env.batched.autoreset", "multicell_env.batched.progress"),
    *("multicell_env.channels.amplitudes", "multicell_env.channels.axes", "multicell_env.channels.composition"),
    *("multicell_env.channels.measured", "multicell_env.channels.plausible", "multicell_env.config_checks"),
    *("multicell_env.evaluation.policies.deciding", "multicell_env.evaluation.policies.errors", "multicell_env.evaluation.policies.trial"),
    *("multicell_env.evaluation.record", "multicell_env.evaluation.timing", "multicell_env.evaluation.writing", "multicell_env.links"),
    *("multicell_env.model.folded", "multicell_env.model.tracing", "multicell_env.streams", "multicell_env.tasks.pool"),
    *("multicell_env.tensors.beams", "multicell_env.tensors.drawing", "multicell_env.tensors.folding", "multicell_env.tensors.showing"),
    *(
        "multicell_env.rendering.map_drawing",
        "multicell_env.tensors.ahead",
        "multicell_env.tensors.compiling",
        *("agents.on_device.host", "agents.on_device.replay", "multicell_env.tensors.state"),
    ),
)
"""Their names."""
