"""Random streams: names for numbers that stay what they are, and none that two uses share."""

import numpy as np

from multicell_env import streams


def test_a_stream_is_that_of_the_seed_and_its_number() -> None:
    for stream in (streams.ALLOCATIONS, streams.STARTS, streams.FIGURE_STARTS, streams.FIGURE_DRAWS):
        np.testing.assert_array_equal(streams.generator(7, stream).random(4), np.random.default_rng([7, stream]).random(4))
    drawn = streams.generator(7, streams.NETWORKS, index=2).random(4)
    np.testing.assert_array_equal(drawn, np.random.default_rng([7, 2, 3]).random(4))


def test_no_two_streams_begin_alike() -> None:
    first = {streams.generator(7, stream).random() for stream in (1, 2, 3, 4)}
    first |= {streams.generator(7, streams.NETWORKS, index=index).random() for index in range(5)}
    first.add(np.random.default_rng(7).random())
    assert len(first) == 10
    named = (streams.ALLOCATIONS, streams.STARTS, streams.FIGURE_STARTS, streams.FIGURE_DRAWS)
    assert named == (1, 2, 3, 4)
