"""The log: folding, JSON, and what a level lets through."""

from __future__ import annotations

import gc
import io
import json
import logging
import re
import time
import weakref
from collections.abc import Iterator

import pytest

from grokcore.config import GlobalConfig, LogFormat
from grokcore.logs import FOLD_S, FOLDS_AT_MOST, FoldingHandler, configure_logging, write_folded


class Bench:
    """A logger with a handler of its own, and its clock."""

    def __init__(self) -> None:
        self.now = 0.0
        self.stream = io.StringIO()
        self.handler = FoldingHandler(self.stream, lambda: self.now)
        self.log = logging.Logger("t")  # noqa: LOG001 (nobody else's)
        self.log.addHandler(self.handler)

    @property
    def lines(self) -> list[str]:
        """Lines written since the last call."""
        found = self.stream.getvalue().splitlines()
        self.stream.seek(0)
        self.stream.truncate()
        return found


@pytest.fixture
def restored() -> Iterator[None]:
    """The root logger as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {
        name: logging.getLogger(name).level
        for name in ("hypercorn", "quart", "h2", "hpack", "grokcore.http")
    }
    yield
    for handler in root.handlers:
        if handler not in handlers:
            handler.close()
    root.handlers[:], root.level = handlers, level
    for name, was in levels.items():
        logging.getLogger(name).setLevel(was)


def test_a_fault_that_comes_again_is_counted() -> None:
    """The first is logged at once, and a minute later the number of further ones. Then the fault is
    forgotten or counted anew.
    """
    bench = Bench()
    for at in range(38):
        bench.now = float(at)
        bench.log.warning("no way to %s", "Grok")
    assert bench.lines == ["no way to Grok"]
    bench.now = FOLD_S - 0.1
    bench.handler.write_due()
    assert bench.lines == []
    bench.now = FOLD_S
    bench.handler.write_due()
    assert bench.lines == ["again, 37 times in 60 s: no way to Grok"]
    bench.log.warning("no way to Grok")
    assert bench.lines == []
    bench.now = 2 * FOLD_S
    bench.handler.write_due()
    assert bench.lines == ["again, once in 60 s: no way to Grok"]
    bench.now = 3 * FOLD_S
    bench.handler.write_due()
    bench.log.warning("no way to Grok")
    assert bench.lines == ["no way to Grok"]


def test_what_is_the_same_may_be_said_by_the_record() -> None:
    """Requests have ids, so that messages of the same fault differ; the last message is logged."""
    bench = Bench()
    for number in range(3):
        bench.log.error("request %d: refused", number, extra={"fold": ("refused",)})
    bench.log.error("request 9: other", extra={"fold": ("other",)})
    bench.now = FOLD_S
    bench.log.error("next")  # any other fault is an occasion
    assert bench.lines == [
        "request 0: refused",
        "request 9: other",
        "again, 2 times in 60 s: request 2: refused",
        "next",
    ]


def test_requests_are_never_folded() -> None:
    """Equal lines are all written; only warnings and worse are faults."""
    bench = Bench()
    bench.log.info("same")
    bench.log.info("same")
    assert bench.lines == ["same", "same"]


def test_nothing_that_was_counted_is_lost_at_the_end() -> None:
    """Closing the log writes all counts, with the time counted."""
    bench = Bench()
    for at in (0.0, 7.2):
        bench.now = at
        bench.log.warning("same")
    bench.handler.close()
    assert bench.lines == ["same", "again, once in 7 s: same"]


@pytest.mark.parametrize(
    ("words", "arguments", "extra"), [("%d tokens", ("x",), {}), ("a", (), {"fold": ["no hash"]})]
)
def test_a_faulty_call_does_not_fail_who_made_it(
    words: str,
    arguments: tuple[str, ...],
    extra: dict[str, object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As with any handler."""
    monkeypatch.setattr(logging, "raiseExceptions", False)
    bench = Bench()
    bench.log.warning(words, *arguments, extra=extra)
    bench.log.warning("the next")
    assert bench.lines == ["the next"]


def test_what_is_counted_keeps_nothing_alive() -> None:
    """A traceback refers to frames, and frames to bodies of many MB: only words are kept."""

    class Body:
        pass

    bench = Bench()
    for number in range(3):
        body = Body()
        kind = {"fold": ("bug", "ValueError")}
        bench.log.error("a bug failed request %d", number, exc_info=ValueError(body), extra=kind)
    kept = weakref.ref(body)
    del body
    gc.collect()
    assert kept() is None
    bench.handler.close()
    assert bench.lines[-1] == "again, 2 times in 1 s: a bug failed request 2"


def test_the_level_tells_apart() -> None:
    """A warning does not swallow an error of equal words."""
    bench = Bench()
    bench.log.warning("same")
    bench.log.error("same")
    assert bench.lines == ["same", "same"]


def test_there_is_a_bound() -> None:
    """Of too many different faults, the oldest counts are logged early."""
    bench = Bench()
    for number in range(FOLDS_AT_MOST):
        bench.log.warning("fault %d", number)
        bench.log.warning("fault %d", number)
    assert len(bench.lines) == FOLDS_AT_MOST
    bench.log.warning("one more")
    assert bench.lines == ["again, once in 1 s: fault 0", "one more"]


def test_json_is_one_object_per_line(restored: None, capsys: pytest.CaptureFixture[str]) -> None:
    """With the fields that a record brings; text of several lines stays one."""
    configure_logging(GlobalConfig(log_format=LogFormat.JSON))
    log = logging.getLogger("grokcore.t")
    log.info("a\nb", extra={"fields": {"request": {"id": "x"}}})
    log.error("failed", exc_info=ValueError("why"))
    first, second = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert (first["message"], first["level"], first["logger"]) == ("a\nb", "INFO", "grokcore.t")
    assert first["request"] == {"id": "x"}
    assert "ValueError: why" in second["traceback"]


def test_the_configured_log_folds(
    restored: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server's clock task calls it."""
    configure_logging(GlobalConfig())
    (handler,) = logging.getLogger().handlers
    assert isinstance(handler, FoldingHandler)
    log = logging.getLogger("grokcore.t")
    log.warning("same")
    log.warning("same")
    log.debug("not at this level")
    monkeypatch.setattr(handler, "_clock", lambda: 1e12)
    write_folded()
    lines = capsys.readouterr().err.splitlines()
    assert [re.sub(r"in \d+ s", "in a while", line.partition(": ")[2]) for line in lines] == [
        "same",
        "again, once in a while: same",
    ]


@pytest.mark.parametrize(
    ("zone", "offset"),
    [("UTC", "+00:00"), ("Asia/Shanghai", "+08:00"), ("America/St_Johns", "-02:30")],
)
def test_a_time_has_its_zone_and_milliseconds(
    zone: str,
    offset: str,
    restored: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Logs of two machines, or of both sides of a change to summer time, can be put in order."""
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        for kind in LogFormat:
            configure_logging(GlobalConfig(log_format=kind))
            record = logging.LogRecord("grokcore.t", logging.INFO, "", 0, "hi", None, None)
            record.created = 1_782_000_000.25
            logging.getLogger().handle(record)
    finally:
        monkeypatch.undo()
        time.tzset()
    text, in_json = capsys.readouterr().err.splitlines()
    time_of_day = {"+00:00": "21 00:00:00", "+08:00": "21 08:00:00", "-02:30": "20 21:30:00"}[
        offset
    ]
    stamp = f"2026-06-{time_of_day}.250{offset}"
    assert text == f"{stamp} INFO grokcore.t: hi"
    assert json.loads(in_json)["time"] == stamp.replace(" ", "T")


def test_a_count_is_in_fields_too(restored: None, capsys: pytest.CaptureFixture[str]) -> None:
    """A program that reads the log need not take words apart."""
    configure_logging(GlobalConfig(log_format=LogFormat.JSON))
    (handler,) = logging.getLogger().handlers
    for _ in range(3):
        logging.getLogger("grokcore.t").warning("same")
    handler.close()
    _, again = map(json.loads, capsys.readouterr().err.splitlines())
    assert again["again"] == {"count": 2, "seconds": 1}
