"""The alert rules and the board of ``deploy/``, checked by Prometheus itself."""

from __future__ import annotations

import inspect
import json
import re
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from attrs import field, frozen

from grokcore import errors
from grokcore.errors import Blame, GrokApiError, ShuttingDown
from tests.prometheus_world import (
    BOARD,
    RULES,
    Prometheus,
    board_queries,
    metrics_in,
    promtool,
    rules,
    running,
)
from tests.server_process import started
from tests.servers import chat, free_port

pytestmark = pytest.mark.once

# The rules --------------------------------------------------------------------------------------


@frozen
class Case:
    """Series, a value a minute (in promtool's notation), and the alerts that fire at *minute*.

    :ivar fires: alerts with the labels, beside the server's, that theirs must have.
    """

    name: str
    series: Mapping[str, str]
    fires: Mapping[str, Mapping[str, str]] = field(factory=dict)
    minute: int = 20


WARNING = {"severity": "warning"}
CRITICAL = {"severity": "critical"}

CASES = [
    Case("gone", {"up{}": "0x30"}, {"GrokGone": CRITICAL}),
    Case("gone for a moment", {"up{}": "1x19 0 0"}),
    Case("down", {'grok2api_condition{state="down"}': "1x30"}, {"GrokDown": CRITICAL | {"state": "down"}}),
    Case("degraded alone", {'grok2api_condition{state="down"}': "0x30", 'grok2api_condition{state="degraded"}': "1x30"}),
    Case("a model fails, and tokens are fine", {'grok2api_model_answerable{model="a"}': "0x30", 'grok2api_model_answerable{model="b"}': "1x30", 'grok2api_tokens{state="ok"}': "3x30"}, {"GrokModelNotAnswerable": WARNING | {"model": "a"}}),
    Case("used up", {'grok2api_reasons{matter="used_up"}': "2x30"}, {"GrokAllUsedUp": WARNING | {"matter": "used_up"}}),
    Case("nothing is wrong", {'grok2api_reasons{matter="used_up"}': "0x30", 'grok2api_reasons{matter="challenge"}': "0x30", "grok2api_file_faults{}": "0x30", 'grok2api_tokens{state="invalid"}': "0x30", 'grok2api_lane_up{lane="cli"}': "1x30", "up{}": "1x30"}),
    Case("a session ended", {'grok2api_tokens{state="invalid"}': "1x30"}, {"GrokSessionsEnded": WARNING | {"state": "invalid"}}),
    Case("a challenge that lasts", {'grok2api_reasons{matter="challenge"}': "1x30"}, {"GrokTurnedAway": WARNING | {"matter": "challenge"}}),
    Case("an anti-bot rule, seen now and then", {'grok2api_reasons{matter="antibot"}': "1 1 0 0 1 1 0 0 1 1 0 0 1 1 0 0 1 1 0 0 1"}, {"GrokTurnedAway": WARNING | {"matter": "antibot"}}),
    Case("a challenge that was mended", {'grok2api_reasons{matter="challenge"}': "1x3 0x30"}),
    Case("a proxy that is dead", {'grok2api_egress_failing{egress="127.0.0.1:7890"}': "29x30", 'grok2api_egress_attempts{egress="127.0.0.1:7890"}': "29x30"}, {"GrokEgressFailing": WARNING | {"egress": "127.0.0.1:7890"}}),
    Case("a proxy that was tried once", {'grok2api_egress_failing{egress="direct"}': "1x30", 'grok2api_egress_attempts{egress="direct"}': "1x30"}),
    Case("the day's money", {'grok2api_spent_usd_today{lane="api"}': "1x30", 'grok2api_daily_cap_usd{lane="api"}': "1x30", 'grok2api_lane_up{lane="api"}': "0x30"}, {"GrokSpendingCapReached": WARNING | {"lane": "api"}}),
    Case("a lane", {'grok2api_lane_up{lane="cli"}': "0x30", 'grok2api_lane_up{lane="web"}': "0x30"}, {"GrokOfficialLaneDown": WARNING | {"lane": "cli"}}),
    Case("a file", {"grok2api_file_faults{}": "1x30"}, {"GrokFileFault": WARNING}),
    Case("lag", {'grok2api_loop_lag_seconds_bucket{le="0.25"}': "0x30", 'grok2api_loop_lag_seconds_bucket{le="1"}': "0+60x30", 'grok2api_loop_lag_seconds_bucket{le="+Inf"}': "0+60x30"}, {"GrokLoopLag": WARNING}),
    Case("no lag", {'grok2api_loop_lag_seconds_bucket{le="0.25"}': "0+60x30", 'grok2api_loop_lag_seconds_bucket{le="1"}': "0+60x30", 'grok2api_loop_lag_seconds_bucket{le="+Inf"}': "0+60x30"}),
    Case("failures", {'grok2api_requests_total{code="upstream_error",model="a"}': "0+3x30", 'grok2api_requests_total{code="ok",model="a"}': "0+7x30"}, {"GrokManyFailures": WARNING}),
    Case("clients' own faults", {'grok2api_requests_total{code="model_not_found",model=""}': "0+9x30", 'grok2api_requests_total{code="ok",model="a"}': "0+1x30"}),
    Case("too few requests to judge", {'grok2api_requests_total{code="upstream_error",model="a"}': "0 1 2x30"}),
]  # fmt: skip

SERVER = {"instance": "grok.example.com:8000", "job": "grok2api"}


def with_server(series: str) -> str:
    """*series* with the labels that a scrape adds."""
    labels = ",".join(f'{name}="{value}"' for name, value in SERVER.items())
    return re.sub(r"\{(?=.)", f"{{{labels},", series).replace(",}", "}")


def unit_test(case: Case) -> dict[str, Any]:
    """A case as promtool's unit test."""
    firing = [{"labels": _alert(name, labels), "value": 1} for name, labels in case.fires.items()]
    return {
        "name": case.name,
        "interval": "1m",
        "input_series": [
            {"series": with_server(series), "values": values}
            for series, values in case.series.items()
        ],
        "promql_expr_test": [
            {
                "expr": 'ALERTS{alertstate="firing"}',
                "eval_time": f"{case.minute}m",
                "exp_samples": firing,
            }
        ],
    }


def _alert(name: str, labels: Mapping[str, str]) -> str:
    whole = {"alertname": name, "alertstate": "firing", **SERVER, **labels}
    return "ALERTS{" + ",".join(f'{key}="{value}"' for key, value in whole.items()) + "}"


def test_each_alert_fires_for_its_fault_and_for_nothing_else(tmp_path: Path) -> None:
    """An owner is woken for what needs an owner; of each rule there is a case that fires."""
    assert {name for case in CASES for name in case.fires} == {rule["alert"] for rule in rules()}
    tests = tmp_path / "tests.yml"
    units = [unit_test(case) for case in CASES]
    tests.write_text(
        yaml.safe_dump({"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": units})
    )
    code, said = promtool("test", "rules", str(tests))
    assert code == 0, said


def test_the_rules_are_well_formed_and_say_what_to_do() -> None:
    """Each has words for the person who is woken."""
    code, said = promtool("check", "rules", str(RULES))
    assert code == 0, said
    for rule in rules():
        assert rule["annotations"].keys() == {"summary", "description"}
        assert "$labels.instance" in rule["annotations"]["summary"]


def test_failures_are_those_that_no_client_caused() -> None:
    """A new error code is in the rule, or is a client's own fault."""
    (rule,) = [rule for rule in rules() if rule["alert"] == "GrokManyFailures"]
    pattern = re.search(r'code=~"([^"]+)"', rule["expr"])
    assert pattern is not None
    leaves = [
        leaf
        for leaf in vars(errors).values()
        if inspect.isclass(leaf) and issubclass(leaf, GrokApiError) and hasattr(leaf, "code")
    ]
    owners = {leaf.code for leaf in leaves if leaf.blame is Blame.REQUEST}
    ours = {str(leaf.code) for leaf in leaves if leaf.code not in owners} - {ShuttingDown.code}
    assert {code for code in ours if re.fullmatch(pattern[1], code)} == ours
    assert not [code for code in owners if code and re.fullmatch(pattern[1], code)]


# The board --------------------------------------------------------------------------------------


def test_the_board_is_one_that_grafana_loads() -> None:
    """The classic model: ids of their own, a grid without overlaps, and the chosen data source
    everywhere.
    """
    board = json.loads(BOARD.read_text("utf-8"))
    assert (board["id"], board["uid"], board["title"]) == (None, "grok2api", "grok2api")
    variables = {one["name"]: one for one in board["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    assert variables["datasource"]["query"] == "prometheus"
    panels = board["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert {panel["type"] for panel in panels} == {"row", "stat", "state-timeline", "timeseries"}
    cells = [cell for panel in panels for cell in _cells(panel["gridPos"])]
    assert len(set(cells)) == len(cells)
    assert all(0 <= column < 24 for column, _ in cells)
    sources = [
        source
        for panel in panels
        if panel["type"] != "row"
        for source in (panel["datasource"], *(one["datasource"] for one in panel["targets"]))
    ]
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    assert all(source == chosen for source in (*sources, variables["instance"]["datasource"]))
    for panel in panels:
        refs = [one["refId"] for one in panel.get("targets", ())]
        assert len(set(refs)) == len(refs)


def _cells(place: Mapping[str, int]) -> Iterator[tuple[int, int]]:
    for column in range(place["x"], place["x"] + place["w"]):
        for line in range(place["y"], place["y"] + place["h"]):
            yield column, line


# A Prometheus that runs -------------------------------------------------------------------------

QUESTIONS = [
    ("grok-4.1", "Hello!"),
    ("grok-4.6", "Hello!"),
    ("grok-4.7", "Hello!"),
    ("grok-4.1", "fail once"),
    ("no-such-model", "Hello!"),
]
"""Models and words: each lane, an attempt that fails, and a request that is refused."""


def ask(port: int) -> None:
    """Ask the demo everything once."""
    for model, words in QUESTIONS:
        body = json.dumps({**chat(words), "model": model}).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/chat/completions", data=body)
        try:
            urllib.request.urlopen(request, timeout=20).close()
        except urllib.error.HTTPError as refused:
            refused.close()


def asked_and_scraped(prometheus: Prometheus, port: int) -> None:
    """Have two rounds of questions scraped, so that counters have grown between two scrapes."""
    prometheus.until('up{job="grok2api"} == 1')
    for round_ in (1, 2):
        ask(port)
        prometheus.until(f"sum(grok2api_requests_total) >= {round_ * len(QUESTIONS)}")
    prometheus.until("sum(rate(grok2api_loop_lag_seconds_bucket[30s])) > 0")


def test_a_real_prometheus_answers_every_query(tmp_path: Path) -> None:
    """Of the board and of the rules: without an error, and with data. The metrics themselves pass
    promtool.
    """
    port = free_port()
    with (
        started(tmp_path, "--demo", "--port", str(port), seconds=60),
        running(tmp_path, f"127.0.0.1:{port}") as prometheus,
    ):
        asked_and_scraped(prometheus, port)
        empty = [title for title, query in board_queries() if not prometheus.values(query)]
        assert empty == []
        (group,) = prometheus.get("/api/v1/rules")["groups"]
        assert {rule["health"] for rule in group["rules"]} <= {"ok", "unknown"}
        for rule in rules():
            prometheus.values(rule["expr"])
        names = prometheus.get("/api/v1/label/instance/values", **{"match[]": "grok2api_info"})
        assert names == [f"127.0.0.1:{port}"]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            page = answer.read().decode()
    code, said = promtool("check", "metrics", text=page)
    assert (code, said) == (0, "")
    assert "_created" not in page


def test_queries_name_metrics_that_exist() -> None:
    """A typing error would be a panel without data, or an alert that never fires."""
    text = (RULES.parent.parent / "docs" / "operations.md").read_text("utf-8")
    documented = set(re.findall(r"^\| `(grok2api_\w+)`", text, re.MULTILINE))
    named = {
        re.sub(r"_(bucket|count|sum)$", "", name)
        for query in (*(query for _, query in board_queries()), *(rule["expr"] for rule in rules()))
        for name in metrics_in(query)
        if name.startswith("grok2api_")
    }
    assert named <= documented
