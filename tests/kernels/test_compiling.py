"""A kernel is compiled once for each precision, kept for the next process, and never kept too long."""

import inspect
import os
import pickle
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from numba import types

import multicell_env
from multicell_env import PAPER_8X4, NetworkConfig
from multicell_env.blocks import Blocks
from multicell_env.channels.rayleigh import draw_channels
from multicell_env.kernels.arrays import BlockArrays, SlotOutputs
from multicell_env.kernels.block import beamform
from multicell_env.kernels.slot import play_slots
from multicell_env.observation import Observer


def test_no_way_of_use_compiles_a_kernel_anew():
    for config in (PAPER_8X4, NetworkConfig(num_users=(2, 3, 1)), NetworkConfig(num_cells=1), NetworkConfig(dtype="float64")):
        for known in (config, pickle.loads(pickle.dumps(config))):  # pickling loses that arrays are read-only
            blocks = Blocks(known, np.int32(3), keep_channels=True, num_threads=2)
            blocks.draw([2, 0], [np.random.default_rng(0), np.random.default_rng(1)])
            own, cross = draw_channels(known, np.random.default_rng(2))
            own.flags.writeable = False
            blocks.begin(range(1), np.asfortranarray(own[None]), cross[None].astype(np.complex128))
            fractions = np.full(blocks.powers.shape, 0.1)
            fractions.flags.writeable = False
            for opening in (fractions, fractions.astype(np.float32), np.asfortranarray(fractions), fractions.astype(int)):
                for kind in ("gain", "csi"):
                    blocks.play_slot(opening, outputs=Observer(kind, blocks).outputs())
                blocks.play_slot(opening)
            heard = Blocks(replace(known, action="price", rounds_per_slot=2), 3)
            heard.draw(range(3), [np.random.default_rng(0)] * 3)
            heard.play_slot(fractions, outputs=Observer("price", heard).outputs())
            heard.play_slot(fractions, negotiation="pricing", transmit=False)
            fair = Blocks(replace(known, negotiation="pricing", fairness=1.0), 3)
            fair.draw(range(3), [np.random.default_rng(0)] * 3)
            fair.play_slot(fractions, outputs=Observer("price", fair).outputs())
            fair.play_slot(fractions, negotiation="iwf")
            unheard = Blocks(replace(known, fairness=1.0), 3)
            unheard.draw(range(3), [np.random.default_rng(0)] * 3)
            unheard.play_slot(fractions, outputs=Observer("gain", unheard).outputs())
    assert len(beamform.signatures) == 2  # one for each precision
    # Where gains are not asked for ahead, prices are heard or not, and rates count alike or by fairness: one for each precision.
    place = list(inspect.signature(play_slots.py_func).parameters).index("prefetches")
    signatures = [signature for signature in play_slots.signatures if signature[place] == types.none]
    assert sorted(signature.count(types.none) for signature in signatures) == [1, 1, 2, 2, 2, 2, 3, 3]


def test_the_slots_kernel_takes_its_arrays_in_the_order_of_their_declarations():
    order = list(inspect.signature(play_slots.py_func).parameters)
    assert order[-len(BlockArrays._fields) - len(SlotOutputs._fields) :] == [*SlotOutputs._fields, *BlockArrays._fields]


def test_a_kept_kernel_is_compiled_anew_once_one_of_its_files_has_changed(tmp_path):
    folder = tmp_path / "multicell_env"
    shutil.copytree(Path(multicell_env.__file__).parent, folder, ignore=shutil.ignore_patterns("__pycache__"))
    simd = folder / "kernels" / "simd.py"
    code = """
import numpy as np
from multicell_env.kernels.drawing import complex_normal
complex_normal(np.zeros((1, 8), np.uint64), np.ones(8, np.float32), np.zeros((1, 16), np.float32))
print(sum(complex_normal.stats.cache_hits.values()), sum(complex_normal.stats.cache_misses.values()))
"""

    def hits_and_misses() -> str:
        return subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True).stdout.strip()

    assert [hits_and_misses(), hits_and_misses()] == ["0 1", "1 0"]
    before = simd.stat()
    simd.write_text(simd.read_text().replace("Vectors of numbers", "Vectors of members"))
    os.utime(simd, ns=(before.st_atime_ns, before.st_mtime_ns))  # neither its size nor its time tell
    assert hits_and_misses() == "0 1"
