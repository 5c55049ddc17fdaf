"""Metrics of several workers as those of one server."""

from __future__ import annotations

import json

from grokcore.protocol.workers.metric_sums import Family, Sample, families_of, summed, written


def family(name: str, kind: str, *samples: tuple[str, dict[str, str], float]) -> Family:
    made = (Sample(one, tuple(labels.items()), value) for one, labels, value in samples)
    return Family(name, "words", kind, tuple(made))


def test_counters_and_histograms_are_added_up_by_their_labels() -> None:
    """Also samples that only one worker has."""
    one = [
        family("asked", "counter", ("asked_total", {"code": "ok"}, 3)),
        family("lag", "histogram", ("lag_bucket", {"le": "1"}, 2), ("lag_sum", {}, 0.5)),
    ]
    other = [
        family("asked", "counter", ("asked_total", {"code": "ok"}, 4), ("asked_total", {}, 1)),
        family("lag", "histogram", ("lag_bucket", {"le": "1"}, 1), ("lag_sum", {}, 0.25)),
        family("rare", "counter", ("rare_total", {}, 1)),
    ]
    assert summed([one, other]) == [
        family("asked", "counter", ("asked_total", {"code": "ok"}, 7), ("asked_total", {}, 1)),
        family("lag", "histogram", ("lag_bucket", {"le": "1"}, 3), ("lag_sum", {}, 0.75)),
        family("rare", "counter", ("rare_total", {}, 1)),
    ]


def test_a_gauge_is_added_up_only_if_each_worker_has_a_part_of_it() -> None:
    """Ten tokens that two workers know are ten tokens; three streams and two are five."""
    tokens = [
        family("grok2api_tokens", "gauge", ("grok2api_tokens", {"state": "ok"}, number))
        for number in (10, 9)
    ]
    streams = [
        family("grok2api_streams_open", "gauge", ("grok2api_streams_open", {}, number))
        for number in (3, 2)
    ]
    first, second = zip(tokens, streams, strict=True)
    whole = summed([first, second])
    assert [one.samples[0].value for one in whole] == [10, 5]


def test_a_page_survives_its_way_to_another_worker() -> None:
    """As JSON."""
    page = [family("asked", "counter", ("asked_total", {"code": "ok", "model": "m"}, 3.5))]
    assert families_of(json.loads(json.dumps(written(page)))) == page
