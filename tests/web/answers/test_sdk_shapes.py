"""What Grok can do beside plain text, as OpenAI's own SDK sees it: whole, as chunks, and with its
stream helper.
"""

from __future__ import annotations

from typing import Any

import openai
import pytest
import trio
from attrs import frozen

from grokcore.simulator import frames, lines
from grokcore.simulator.page_socket import Say, SocketScript
from grokcore.simulator.page_socket import spoken as socket_spoken
from grokcore.simulator.scripts import Script, answer, drawing, play_lines, video, wrapped
from tests.examples import CITING, DRAWING, THOUGHTS, TOOLS
from tests.servers import Site, on_site


@frozen
class Shape:
    """An answer of Grok's, and what must be in the SDK's objects."""

    name: str
    script: Script
    content: str
    reasoning: str = ""
    cited: tuple[str, ...] = ()
    model: str = "grok-3-fast"


ASSETS = "https://assets.grok.com"

SHAPES = [
    Shape("thinking", answer("fine", thoughts=THOUGHTS), "fine", "a point"),
    Shape("tools", answer("fine", thoughts=TOOLS), "fine", "code execution"),
    Shape(
        "citations",
        play_lines([*map(wrapped, [*CITING, lines.soft_stop()])]),
        "7[1], 11[2]",
        "",
        ("https://example.com/7", "https://example.com/11"),
    ),
    Shape(
        "a picture as a card",
        play_lines([*map(wrapped, [*DRAWING, lines.soft_stop()])]),
        "![image](",
    ),
    Shape(
        "pictures",
        drawing(["users/u/generated/a/image.jpg"]),
        f"![image]({ASSETS}/users/u/generated/a/image.jpg)",
    ),
    Shape(
        "a video",
        video("users/u/v.mp4"),
        f'<video src="{ASSETS}/users/u/v.mp4"',
        "100 %",
        (),
        "grok-imagine-0.9",
    ),
]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
@on_site
async def test_the_openai_sdk_sees_all_of_an_answer(site: Site, shape: Shape) -> None:
    """The same three ways; annotations are complete, and have an index in a stream."""
    site.simulator.always(shape.script)
    await trio.to_thread.run_sync(check, site, shape)


SOCKET_SHAPES = [
    (
        Shape("thinking", answer(""), "fine", "a point"),
        socket_spoken("fine", thoughts=("a point",)),
    ),
    (
        Shape("citations", answer(""), "See[1]", "", ("https://example.com/7",)),
        SocketScript(
            (
                Say(frames.response_created("fast")),
                Say(frames.tool_call("1", "web_search", query="7")),
                Say(frames.web_pages("1", ("https://example.com/7", "Seven"))),
                Say(frames.text("See")),
                Say(frames.citation("https://example.com/7")),
                Say(frames.done()),
            )
        ),
    ),
    (
        Shape("a picture", answer(""), f"![image]({ASSETS}/users/u/generated/a/image.jpg)"),
        SocketScript(
            (
                Say(frames.response_created("fast")),
                Say(frames.picture("users/u/generated/a/image.jpg", 50)),
                Say(frames.picture("users/u/generated/a/image.jpg")),
                Say(frames.done()),
            )
        ),
    ),
]


@pytest.mark.parametrize(
    ("shape", "script"), SOCKET_SHAPES, ids=lambda one: getattr(one, "name", "")
)
@on_site(config='[grok]\nweb_lane = "socket"\nx_statsig_id = ""')
async def test_the_openai_sdk_sees_the_same_over_the_page_s_websocket(
    site: Site, shape: Shape, script: SocketScript
) -> None:
    """A session token is enough: no REST chat is asked for."""
    site.simulator.sockets.always(script)
    await trio.to_thread.run_sync(check, site, shape)
    assert site.simulator.calls == []
    assert [fault for call in site.simulator.sockets.calls for fault in call.faults] == []


def check(site: Site, shape: Shape) -> None:
    """Ask in three ways; each shows the whole *shape*."""
    whole, streamed, helped = ask(site, shape.model)
    assert shape.content in whole[0]
    assert shape.reasoning in whole[1]
    assert tuple(whole[2][: len(shape.cited)]) == shape.cited
    assert whole == streamed == helped


def ask(site: Site, model: str) -> list[tuple[str, str, list[str]]]:
    """Content, reasoning and cited pages: of a whole answer, of its chunks, and of what the helper
    makes of them.
    """
    request: Any = {"model": model, "messages": [{"role": "user", "content": "go"}]}
    with openai.OpenAI(base_url=f"{site.url}/v1", api_key="key", max_retries=0) as client:
        whole = told(client.chat.completions.create(**request).choices[0].message)
        deltas = [
            chunk.choices[0].delta
            for chunk in client.chat.completions.create(**request, stream=True)
        ]
        with client.chat.completions.stream(**request) as stream:
            helped = told(stream.get_final_completion().choices[0].message)
    parts = [told(delta) for delta in deltas]
    content, reasoning = "".join(part[0] for part in parts), "".join(part[1] for part in parts)
    return [whole, (content, reasoning, [url for part in parts for url in part[2]]), helped]


def told(message: Any) -> tuple[str, str, list[str]]:
    annotations = getattr(message, "annotations", None) or []
    urls = [
        one["url_citation"]["url"] if isinstance(one, dict) else one.url_citation.url
        for one in annotations
    ]
    return message.content or "", getattr(message, "reasoning_content", None) or "", urls
