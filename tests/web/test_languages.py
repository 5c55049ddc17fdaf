"""The language of a server's answers: messages by the client's ``Accept-Language``, all else never."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from attrs import field, frozen

from grokcore.errors import RateLimitExceeded, UpstreamRefused
from grokcore.protocol.languages.negotiate import Language
from grokcore.simulator.scripts import CUT, Script, answer
from grokcore.web.dashboard.wording import page_language, worded_report
from grokcore.web.edge.wording import language_headers, reader_language, worded
from tests.servers import Site, chat, on_site, run_on_site

ZH = {"accept-language": "zh-CN,zh;q=0.9"}
CHINESE = re.compile(r"[\u4e00-\u9fff]")


@frozen
class Fault:
    """A request that is refused, and the kind of place that refuses it."""

    name: str
    path: str
    body: bytes = b"{}"
    method: str = "POST"
    headers: Mapping[str, str] = field(factory=dict)


FAULTS = [
    Fault("chat completions", "/v1/chat/completions"),
    Fault("not JSON", "/v1/chat/completions", b"{"),
    Fault("responses", "/v1/responses"),
    Fault("messages", "/v1/messages"),
    Fault("no such path", "/v1/nothing", method="GET"),
    Fault("not with this method", "/v1/models"),
    Fault("a page of another origin", "/v1/models", headers={"origin": "http://evil.example"}),
    Fault("another host's name", "/v1/models", method="GET", headers={"host": "evil.example"}),
]


def message_of(reply: httpx.Response) -> str:
    return str(reply.json()["error"]["message"])


def without_message(value: Any) -> Any:
    """A body without its messages and request ids."""
    if isinstance(value, dict):
        return {
            key: without_message(each)
            for key, each in value.items()
            if key not in {"message", "request_id"}
        }
    return value


@pytest.mark.once
@on_site()
async def test_only_the_message_of_an_error_changes(site: Site) -> None:
    """Programs decide by status, code, type and parameter; SDKs, which name no language, see what
    they always saw.
    """
    for fault in FAULTS:
        bare, chinese = [
            await site.client.request(
                fault.method, fault.path, content=fault.body, headers={**fault.headers, **more}
            )
            for more in ({"accept-language": ""}, ZH)
        ]
        assert not CHINESE.search(message_of(bare)), fault
        assert CHINESE.search(message_of(chinese)), (fault, message_of(chinese))
        assert without_message(bare.json()) == without_message(chinese.json())
        assert (bare.status_code, "vary" in bare.headers) == (chinese.status_code, False)
        assert chinese.headers["content-language"] == "zh"
        assert "Accept-Language" in chinese.headers["vary"]


BROKEN = Script((*answer("Hello, and much more than that.").steps[:-3], CUT))


@pytest.mark.once
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", chat(stream=True)),
        ("/v1/responses", {"model": "grok-3-fast", "input": "hello", "stream": True}),
        (
            "/v1/messages",
            {**chat(stream=True), "max_tokens": 99},
        ),
    ],
    ids=lambda value: str(value) if isinstance(value, str) else "",
)
@on_site()
async def test_an_error_within_a_stream_is_in_the_reader_s_language(
    site: Site, path: str, body: dict[str, Any]
) -> None:
    """A person reads it in the middle of an answer; it is no less an error of theirs."""
    site.play(BROKEN)
    reply = await site.client.post(path, json=body, headers=ZH)
    assert reply.status_code == 200
    events = [line[6:] for line in reply.text.splitlines() if line.startswith("data: {")]
    failed = [event for event in map(json.loads, events) if "error" in event or "response" in event]
    words = json.dumps(failed[-1], ensure_ascii=False)
    assert "Grok" in words
    assert CHINESE.search(words), words


def test_a_setting_decides_for_everybody() -> None:
    """An owner who wants to look messages up may have them in English, whatever asks."""

    async def in_english(site: Site) -> None:
        reply = await site.client.get("/v1/nothing", headers=ZH)
        assert not CHINESE.search(message_of(reply))
        assert "content-language" not in reply.headers
        report = await site.client.get("/status", headers=ZH)
        assert CHINESE.search(report.text)  # the page's own words are the browser's too

    async def in_chinese(site: Site) -> None:
        reply = await site.client.get("/v1/nothing", headers={"accept-language": ""})
        assert CHINESE.search(message_of(reply))
        assert reply.headers["content-language"] == "zh"

    warned = '[global]\nlanguage = "{}"\n[grok]\nweb_lane = "rest"\n'
    run_on_site(in_english, config=warned.format("en"))
    run_on_site(in_chinese, config=warned.format("zh"))


@on_site(config='[grok]\nweb_lane = "rest"\n')
async def test_a_report_is_in_the_browser_s_language(site: Site) -> None:
    """Words only; each language has a report of its own that its watchers share."""
    english, chinese, again = [
        (await site.client.get("/status", headers={"accept-language": language})).json()
        for language in ("en", "zh", "en")
    ]
    assert CHINESE.search(json.dumps(chinese["warnings"], ensure_ascii=False))
    assert not CHINESE.search(json.dumps(english, ensure_ascii=False))
    assert english["warnings"] == again["warnings"]
    assert chinese["tokens"]["counts"] == english["tokens"]["counts"]
    act = f"/status/tokens/{english['tokens']['rows'][0]['key']}/disable"
    row = (await site.client.post(act, headers=ZH)).json()
    assert (row["said"], row["state"]) == ("它已关闭。", "disabled")


def test_states_and_names_of_a_report_never_change() -> None:
    """The page colours by them, and programs read them."""
    report = {
        "state": "ok",
        "name": "The server is stopping.",
        "why": "The server is stopping.",
        "faults": {"state": "The server is stopping."},
        "rows": [{"said": None, "n": 1, "advice": "The server is stopping."}],
    }
    assert worded_report(report, Language.EN) is report
    assert worded_report(report, Language.ZH) == {
        "state": "ok",
        "name": "The server is stopping.",
        "why": "服务正在停止。",
        "faults": {"state": "服务正在停止。"},
        "rows": [{"said": None, "n": 1, "advice": "服务正在停止。"}],
    }


@pytest.mark.parametrize(
    ("setting", "accepted", "of_errors", "of_the_page"),
    [
        ("auto", "", Language.EN, Language.EN),
        ("auto", "zh", Language.ZH, Language.ZH),
        ("en", "zh", Language.EN, Language.ZH),
        ("zh", "", Language.ZH, Language.ZH),
        ("zh", "en", Language.ZH, Language.EN),
        ("auto", "fr", Language.EN, Language.EN),
    ],
)
def test_setting_and_header_together(
    setting: str, accepted: str, of_errors: Language, of_the_page: Language
) -> None:
    """A report has one language with the page that shows it."""
    assert reader_language(setting, accepted) is of_errors
    assert page_language(setting, accepted) is of_the_page


def test_the_owner_s_copy_of_an_error_stays_english() -> None:
    """The log is English; Grok's own words are nobody's to translate."""
    error = UpstreamRefused("Grok refused the request.", said="The server is stopping.")
    error.amend(advice="Send another kind of file.")
    headers = worded(error, "auto", "zh")
    assert error.message == "Grok 拒绝了请求。请换一种文件。它说：The server is stopping."
    assert error.short == "Grok refused the request. Send another kind of file."
    assert headers == [("content-language", "zh"), ("vary", "Accept-Language")]
    error.redact("stopping")
    assert "stopping" not in error.message
    worded(error, "auto", "zh")
    assert "stopping" not in error.message
    plain = RateLimitExceeded("Grok is overloaded at the moment.")
    assert worded(plain, "auto", "en") == [("vary", "Accept-Language")]
    assert plain.message == "Grok is overloaded at the moment."
    assert language_headers(Language.ZH, "") == [("content-language", "zh")]
