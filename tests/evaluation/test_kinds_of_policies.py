"""Policies of every kind: tensors, torch modules, scripted ones, memories, random numbers; and what is refused."""

import warnings

import numpy as np
import pytest
import torch

from multicell_env import NetworkConfig, multicell_v0
from multicell_env.evaluation.comparison import play_policy
from multicell_env.evaluation.playing import evaluate_policy
from multicell_env.evaluation.policies import decide
from multicell_env.evaluation.policies.trial import try_policy
from multicell_env.evaluation.unseen_blocks import draw_blocks
from multicell_env.observation import Observer

SMALL = NetworkConfig(num_antennas=4, num_users=2, num_bands=3, num_slots=4)
UNEQUAL = NetworkConfig(num_antennas=4, num_users=(1, 3, 2), num_bands=3, num_slots=4)
SEED = 1_000_000


def played(policy, config=SMALL, num_blocks=3, seed=SEED):
    """What the commands and `compare` do with a policy."""
    try_policy("mine", policy, config)
    return play_policy("mine", policy, config, num_blocks=num_blocks, seed=seed, timed=False).per_slot


def by_hand(act, config=SMALL, num_blocks=3, observation="gain"):
    """Average cell capacity [block, slot] of `act(planes, memory)`, which gives a cell's action and memory, in PettingZoo's loop."""
    capacities = np.zeros((num_blocks, config.num_slots))
    for block in range(num_blocks):
        env = multicell_v0.parallel_env(config, observation=observation)
        observations, _ = env.reset(seed=SEED + block)
        memories = dict.fromkeys(env.agents)
        for slot in range(config.num_slots):
            actions = {}
            for agent in env.agents:
                actions[agent], memories[agent] = act(observations[agent], memories[agent])
            observations, rewards, *_ = env.step(actions)
            capacities[block, slot] = np.mean(list(rewards.values()))
    return capacities


class Linear(torch.nn.Module):
    """Scores of bands, linear in the planes, through a sigmoid."""

    def __init__(self):
        super().__init__()
        self.score = torch.nn.Linear(3, 1)
        with torch.no_grad():
            self.score.weight[:] = torch.tensor([[2.0, -1.5, 0.0]])
            self.score.bias[:] = 0.3

    def forward(self, planes):
        return torch.sigmoid(self.score(planes.movedim(-3, -1))[..., 0])


def linear(planes, memory=None):
    return 1.0 / (1.0 + np.exp(-(2.0 * planes[..., 0, :, :] - 1.5 * planes[..., 1, :, :] + 0.3))), None


class Recurrent(torch.nn.Module):
    """A GRU over the slots of every band of every user."""

    def __init__(self):
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.memory, self.head, self.hidden = torch.nn.GRUCell(3, 8), torch.nn.Linear(8, 1), None
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.copy_(2.0 * torch.rand(parameter.shape, generator=generator) - 1.0)

    def forward(self, planes):
        seen = planes.movedim(1, -1).reshape(-1, 3)
        self.hidden = self.memory(seen, self.hidden)
        return torch.sigmoid(4.0 * self.head(self.hidden)).reshape(planes[:, 0].shape)


class Told(Recurrent):
    """The same, which is told where blocks begin."""

    def reset(self, num_blocks):
        self.num_blocks, self.hidden = num_blocks, None


class Noisy:
    """Shares drawn at random, of a seed."""

    batched = True

    def seed(self, number):
        self.random = np.random.default_rng(number)

    def __call__(self, observations):
        return {agent: self.random.random(planes[..., 0, :, :].shape) for agent, planes in observations.items()}


@pytest.mark.parametrize("config", [SMALL, UNEQUAL])
def test_a_torch_module_plays_as_its_formula_in_the_loop(config):
    np.testing.assert_allclose(played(Linear(), config), by_hand(linear, config), rtol=1e-4)


def test_tensors_with_gradients_are_actions():
    module = Linear()

    def act(observations):
        actions = {agent: module(torch.from_numpy(planes)) for agent, planes in observations.items()}
        assert actions["bs_0"].requires_grad
        return actions

    np.testing.assert_allclose(played(act), by_hand(linear), rtol=1e-4)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64, torch.int64])
def test_tensors_of_any_type_are_actions(dtype):
    def act(observations):
        return {agent: torch.ones(planes.shape[1:], dtype=dtype) for agent, planes in observations.items()}

    np.testing.assert_allclose(played(act), by_hand(lambda planes, memory: (np.ones(planes.shape[1:]), None)), rtol=1e-5)


def test_a_module_in_double_precision_gets_doubles():
    np.testing.assert_allclose(played(Linear().double()), by_hand(linear), rtol=1e-4)


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning", "ignore:.*torch.jit:FutureWarning")
def test_scripted_modules_and_functions_play_as_what_they_were(tmp_path):
    torch.jit.save(torch.jit.script(Linear()), tmp_path / "linear.pt")

    def sigmoid(planes: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(2.0 * planes[:, 0] - 1.5 * planes[:, 1] + 0.3)

    expected = by_hand(linear)
    for policy in (torch.jit.script(Linear()), torch.jit.load(tmp_path / "linear.pt"), torch.jit.script(sigmoid)):
        np.testing.assert_allclose(played(policy), expected, rtol=1e-4)


def test_a_function_of_rows_plays_as_its_formula_in_the_loop():
    def rows(planes):
        return linear(planes)[0]

    rows.stacked = True
    np.testing.assert_allclose(played(rows, UNEQUAL), by_hand(linear, UNEQUAL), rtol=1e-4)


def test_a_module_of_mappings_says_so():
    class Of(torch.nn.Module):
        def forward(self, observations):
            return {agent: np.ones(planes.shape[1:]) for agent, planes in observations.items()}

    ones = Of()
    with pytest.raises(ValueError, match=r"policy 'mine' must return actions; .*'items'.*takes \{agent: array\} says stacked = False"):
        played(ones)
    ones.stacked = False
    np.testing.assert_allclose(played(ones), by_hand(lambda planes, memory: (np.ones(planes.shape[1:]), None)), rtol=1e-5)


def test_a_policy_of_rows_that_does_not_say_so_is_told_what_it_was_given():
    with pytest.raises(ValueError, match=r"'dict' object has no attribute 'flatten'.*one that takes an array .* says stacked = True"):
        played(lambda planes: planes.flatten())


def test_a_module_sees_what_it_asks_for():
    seen = []

    class Csi(torch.nn.Module):
        observation = "csi"

        def forward(self, planes):
            seen.append(planes.shape)
            return torch.full_like(planes[:, 0], 0.5)

    played(Csi())
    assert set(seen) == {(2 * 3, 4 * 4 + 2, 3, 2), (3 * 3, 4 * 4 + 2, 3, 2)}


def test_a_module_is_played_without_dropout_and_stays_in_training():
    class Dropping(Linear):
        def __init__(self):
            super().__init__()
            self.drop, self.frozen = torch.nn.Dropout(0.9), torch.nn.Dropout(0.9).eval()

        def forward(self, planes):
            assert not torch.is_grad_enabled()
            return super().forward(self.drop(planes))

    module = Dropping()
    np.testing.assert_allclose(played(module), by_hand(linear), rtol=1e-4)
    assert (module.training, module.drop.training, module.frozen.training) == (True, True, False)


def test_a_recurrent_module_remembers_each_cell_of_each_block():
    cell = Recurrent()

    def act(planes, memory):
        cell.hidden = memory
        with torch.no_grad():
            return cell(torch.from_numpy(planes[None]))[0].numpy(), cell.hidden

    expected, forgetful = by_hand(act), by_hand(lambda planes, memory: act(planes, None))
    assert np.abs(expected - forgetful)[:, 1:].min() > 1e-3
    policy = Told()
    np.testing.assert_allclose(played(policy), expected, rtol=1e-4)
    assert policy.num_blocks == 3


@pytest.mark.parametrize("slots", [1, 4])
def test_state_without_reset_is_found_and_refused(slots):
    config = NetworkConfig(num_antennas=4, num_users=2, num_bands=3, num_slots=slots)
    with pytest.raises(ValueError, match=r"policy 'mine': .* same blocks; got actions that differ by .*give it reset\(num_blocks\)"):
        try_policy("mine", Recurrent(), config)


@pytest.mark.parametrize("batched", [True, False])
def test_a_count_that_ends_with_each_block_is_found_too(batched):
    calls = [0]

    def counting(observations):
        calls[0] += 1
        slot = (calls[0] - 1) // (1 if batched else 2) % SMALL.num_slots  # the trial has two blocks
        return {agent: np.full(planes[..., 0, :, :].shape, slot / SMALL.num_slots) for agent, planes in observations.items()}

    counting.batched = batched
    with pytest.raises(ValueError, match=r"differ by .* in step 1 when blocks were played again"):
        try_policy("mine", counting, SMALL)


def test_a_reset_that_forgets_nothing_is_refused():
    class Keeping(Told):
        def reset(self, num_blocks):
            pass

    with pytest.raises(ValueError, match=r"let reset\(num_blocks\) forget all of it"):
        try_policy("mine", Keeping(), SMALL)


def test_random_numbers_without_a_seed_are_refused():
    random = np.random.default_rng(0)

    def unseeded(observations):
        return {agent: random.random(planes.shape[1:]) for agent, planes in observations.items()}

    with pytest.raises(ValueError, match=r"if it draws random numbers, give it seed\(number\), which seeds them"):
        try_policy("mine", unseeded, SMALL)


def test_a_policy_with_a_seed_draws_the_same_again_and_other_numbers_for_another():
    first, again, other = (played(Noisy(), seed=seed) for seed in (SEED, SEED, SEED + 7))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    random, blocks = np.random.default_rng(SEED), draw_blocks(SMALL, 3, SEED)
    expected = np.stack([random.random((3, SMALL.num_bands, 2)) for _ in range(3)], axis=1)
    noisy = Noisy()
    noisy.seed(SEED)
    np.testing.assert_array_equal(decide(noisy, Observer("gain", blocks), True), expected)


def test_a_block_played_alone_has_the_same_random_numbers_as_among_others():
    class Alone(Noisy):
        batched = False

        def reset(self, num_blocks):
            assert num_blocks == 1

    several = evaluate_policy("mine", Alone(), SMALL, observation="gain", num_blocks=3, seed=SEED, timed=False).per_slot
    last = evaluate_policy("mine", Alone(), SMALL, observation="gain", num_blocks=1, seed=SEED + 2, timed=False).per_slot
    np.testing.assert_array_equal(several[2:], last)


def test_a_number_that_is_called_seed_is_no_way_to_seed():
    policy = Linear()
    policy.seed = 3
    with warnings.catch_warnings(action="error"):
        np.testing.assert_allclose(played(policy), by_hand(linear), rtol=1e-4)


def test_rows_of_a_wrong_shape_are_refused():
    class Whole(torch.nn.Module):
        def forward(self, planes):
            return planes

    with pytest.raises(ValueError, match=r"finite actions of shape \(6, 3, 2\) for all rows; got shape \(6, 3, 3, 2\)\. Give fractions"):
        played(Whole())
