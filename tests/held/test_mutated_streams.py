"""Streams of Grok's, mutated at random: each ends once, and no exception leaves the decoder."""

from __future__ import annotations

import multiprocessing
import os

import pytest

from tests.protocol.grok_web.mutated_streams import check_mutations

from .figures import Figure, Record, thousands

STREAMS = 528_000
PART = 4_000
"""Streams of one seed."""


@pytest.mark.on_demand
def test_half_a_million_mutated_streams_end_once(record: Record) -> None:
    """The last event of each is the only last one. (The suite has a small size beside the decoder's
    other tests.)
    """
    parts = STREAMS // PART
    with multiprocessing.get_context("spawn").Pool(os.cpu_count()) as pool:
        finished = sum(
            pool.starmap(
                check_mutations, [(PART, seed) for seed in range(2, 2 + parts)], chunksize=4
            )
        )
    assert 0 < finished < STREAMS
    result = f"0 exceptions, each ended once ({thousands(finished)} in good order)"
    record(Figure("mutated streams of Grok's", thousands(STREAMS), result, "0 exceptions"))
