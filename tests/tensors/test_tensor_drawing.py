"""Channels drawn by counters: known answers, right moments, and blocks that do not depend on what is drawn beside them."""

import numpy as np
import pytest
import torch
from scenarios import EVERY_CONFIG, draw_block

from multicell_env.config import NetworkConfig
from multicell_env.tensors import TorchVectorEnv, state
from multicell_env.tensors.beams import Parts, cross_gains, ordered_sum, zero_forcing
from multicell_env.tensors.drawing import complex_normal, philox

# Counter, key and answer, from the file kat_vectors of Random123.
KNOWN = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN)
def test_the_generator_gives_the_known_answers(counter, key, answer):
    words = philox(tuple(map(torch.tensor, counter)), (torch.tensor(key[0]), torch.tensor(key[1])))
    assert tuple(int(word) for word in words) == answer


def test_numbers_are_normal_and_rows_are_independent():
    real, imaginary = complex_normal(torch.arange(40), torch.zeros(40, dtype=torch.int64), 20001)
    numbers = real.double().numpy() + 1j * imaginary.double().numpy()
    assert abs(numbers.mean()) < 5 / np.sqrt(numbers.size)
    assert np.mean(np.abs(numbers) ** 2) == pytest.approx(1.0, abs=5 / np.sqrt(numbers.size))
    assert np.mean(np.abs(numbers) ** 4) == pytest.approx(2.0, abs=5 * np.sqrt(20 / numbers.size))
    assert abs(np.mean(numbers**2)) < 5 * np.sqrt(2 / numbers.size)
    for one, other in ((numbers[:-1], numbers[1:]), (numbers[:, :10000], numbers[:, 10000:20000])):
        assert abs(np.mean(one * other.conj())) < 5 / np.sqrt(one.size)


def test_a_seed_beyond_32_bits_and_a_later_block_are_other_numbers():
    seeds, blocks = torch.tensor([7, 7 + 2**32, 7, 7]), torch.tensor([0, 0, 1, 2**32])
    rows = complex_normal(seeds, blocks, 5)[0]
    assert len({tuple(row.tolist()) for row in rows}) == 4


def test_ordered_sums_are_sums():
    terms = torch.arange(5 * 7 * 3, dtype=torch.float64).reshape(5, 7, 3)
    for axis in (-1, -2, -3):
        assert torch.equal(ordered_sum(terms, axis), terms.sum(dim=axis))


@EVERY_CONFIG
def test_beams_and_gains_are_those_of_the_readable_equations(config):
    block = draw_block(config)
    own, cross = (Parts(torch.from_numpy(array.real.copy()), torch.from_numpy(array.imag.copy())) for array in (block.own, block.cross))
    beams, signal, sines = zero_forcing(own, torch.from_numpy(config.user_mask.copy()))
    np.testing.assert_allclose(beams.real + 1j * beams.imaginary, block.beamformers, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(signal, block.gains.signal_gains, rtol=1e-10)
    heard = cross_gains(beams, cross, torch.from_numpy(config.interferers.copy()))
    np.testing.assert_allclose(heard, block.gains.cross_gains, rtol=1e-8, atol=1e-14)
    assert ((sines > 0.0) & (sines <= 1.0 + 1e-12)).all()


@pytest.mark.filterwarnings("ignore:`torch.jit")
@pytest.mark.parametrize("compiled", [False, pytest.param(True, marks=pytest.mark.release)])
def test_a_block_is_the_same_however_many_are_drawn_beside_it(compiled):
    one, many = (TorchVectorEnv(num_envs, NetworkConfig(num_slots=1), compiled=compiled) for num_envs in (1, 4096))
    for _ in range(2):  # the second block too
        alone, among = one.reset(seed=None if one._has_seed[0] else 1000)[0], many.reset(seed=None if many._has_seed[0] else 0)[0]
        assert torch.equal(alone[0], among[1000])
        assert torch.equal(one._blocks.cross_gains[0], many._blocks.cross_gains[1000])
        assert not torch.equal(among[0], among[1000])


def test_a_program_of_fixed_size_draws_any_number_of_blocks(monkeypatch):
    sizes = []

    def program(function, device):
        def run(seeds, numbers):
            sizes.append((len(seeds), len(numbers)))
            return function(seeds, numbers)

        return run

    network = {"num_bands": 2, "num_antennas": 2, "num_users": 2, "num_slots": 1}
    monkeypatch.setattr("multicell_env.tensors.vector_env.one_program", lambda function, device: function)
    monkeypatch.setattr(state, "one_program", program)
    monkeypatch.setitem(state.NUMBERS_OF_PROGRAM, "cpu", 40 * 72)  # 72 numbers a block, and whole vectors of 16
    plain, fixed = (TorchVectorEnv(50, compiled=compiled, **network) for compiled in (False, True))
    for _ in range(2):
        assert torch.equal(plain.reset(seed=range(50))[0], fixed.reset(seed=range(50))[0])
    assert sizes == [(32, 32)] * 4


def test_mean_gains_and_padding_are_those_of_the_network():
    config = NetworkConfig(num_cells=2, num_antennas=4, num_users=(1, 3), num_bands=3, mean_gains=((2.0, 0.0), (0.5, 0.7)), dtype="float64")
    env = TorchVectorEnv(2000, config, observation="csi")
    planes = env.reset(seed=0)[0].double()
    assert (planes[:, 0, : 4 * 4, :, 1:] == 0.0).all()
    # "csi" shows channels over the root of their mean gain.
    powers = (planes[:, :, :4] ** 2 + planes[:, :, 4:8] ** 2).mean(dim=(0, 2, 3))
    np.testing.assert_allclose(powers[0, :1], 1.0, atol=0.03)
    np.testing.assert_allclose(powers[1], 1.0, atol=0.03)
    # A unit beam that knows nothing of a channel gathers its mean gain; cell 1 is reached by nobody.
    crossing = env._blocks.cross_gains / config.power_unit
    assert crossing[:, 0, 0, :, :, :1].mean().item() == pytest.approx(0.5, abs=0.02)
    assert (crossing[:, 1] == 0.0).all()
