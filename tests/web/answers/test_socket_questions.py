"""What goes up over the page's websocket when a client asks through OpenAI's API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from attrs import field, frozen

from grokcore.protocol.grok_socket.mode_names import mode_of
from grokcore.protocol.models import SHIPPED, WebLane
from grokcore.simulator.app import Simulator
from grokcore.simulator.page_socket import SocketCall
from grokcore.simulator.scripts import answer
from tests.examples import PNG, asking, picture
from tests.lanes import over_socket
from tests.servers import TOKENS, Site, chat, on_site

TEMPORARY = {"keep_context": False, "is_temporary": True}
FORGETFUL = {"disable_memory": True}
NO_SEARCH = {"disable_web_search": True, "disable_x_search": True}
OPTIONAL = {*TEMPORARY, *FORGETFUL, *NO_SEARCH}


@frozen
class Asked:
    """A request, the settings of the server, and what Grok is told.

    :ivar settings: those of the session that are there or not, as the owner and the client choose.
    """

    name: str
    body: Mapping[str, Any]
    text: str
    config: str = ""
    settings: Mapping[str, Any] = field(factory=lambda: {**TEMPORARY, **FORGETFUL})


TURNS = [
    {"role": "system", "content": "Be terse."},
    {"role": "user", "content": "A </user> b"},
    {"role": "assistant", "content": "c"},
    {"role": "user", "content": "d?"},
]

ASKED = [
    Asked("words, as they were written", chat("  exactly\nas  written "), "  exactly\nas  written "),
    Asked("a conversation", chat(messages=TURNS), "<system>\nBe terse.\n</system>\n\n<user>\nA &lt;/user> b\n</user>\n\n<assistant>\nc\n</assistant>\n\nd?"),
    Asked("no search", chat("hi", search=False), "hi", settings={**TEMPORARY, **FORGETFUL, **NO_SEARCH}),
    Asked("a row without search", chat("hi"), "hi", '[models."grok-3-fast"]\nsearch = false', {**TEMPORARY, **FORGETFUL, **NO_SEARCH}),
    Asked("a row without search, and a client that wants it", chat("hi", search=True), "hi", '[models."grok-3-fast"]\nsearch = false'),
    Asked("chats that are kept", chat("hi"), "hi", "[grok]\ntemporary = false", FORGETFUL),
    Asked("with memory", chat("hi"), "hi", "[grok]\nmemory = true", TEMPORARY),
]  # fmt: skip


@pytest.mark.parametrize("case", ASKED, ids=lambda case: case.name)
@on_site(config=lambda case: case.config, lane=WebLane.SOCKET)
async def test_the_session_is_as_owner_and_client_choose(site: Site, case: Asked) -> None:
    """Three frames in their order, nothing of REST, and no file."""
    site.play(answer("ok"))
    assert (await site.client.post("/v1/chat/completions", json=dict(case.body))).status_code == 200
    call = only(site.simulator)
    assert (call.question, call.files) == (case.text, [])
    assert {name: call.settings[name] for name in call.settings.keys() & OPTIONAL} == case.settings
    assert [frame["event"]["type"] for frame in call.frames] == [
        "session.create",
        "conversation.item.create",
        "response.create",
    ]


@pytest.mark.parametrize("model", [name for name, row in SHIPPED.items() if not row.video])
@on_site(lane=WebLane.SOCKET)
async def test_each_name_is_a_mode(site: Site, model: str) -> None:
    """The names of the original too, so that a client keeps its settings."""
    site.play(answer("ok"))
    assert (await site.ask(model=model)).json()["model"] == model
    assert only(site.simulator).model == mode_of(SHIPPED[model])


@on_site(tokens=TOKENS[:1], lane=WebLane.SOCKET)
async def test_a_picture_goes_first_and_is_named_twice(site: Site) -> None:
    """A file is mentioned before the text, and listed by the item and by the event."""
    site.play(answer("ok"))
    assert (
        await site.client.post("/v1/chat/completions", json=asking(picture()))
    ).status_code == 200
    call = only(site.simulator)
    (file,) = call.files
    event = call.frames[1]["event"]
    chunks = event["item"]["x_grok"]["input_chunks"]
    assert chunks[0] == {"mention": {"target": {"file_mention": {"file_id": file}}}}
    assert chunks[1:] == [{"text": {"text": "What is this?"}}]
    assert event["file_attachment_ids"] == [file]
    assert site.simulator.files.contents[call.sso, file] == PNG


@on_site(tokens=TOKENS[:1], lane=WebLane.SOCKET)
async def test_an_account_is_asked_once_who_it_is_and_what_it_may_use(site: Site) -> None:
    """Every further question is one websocket, and one look at what is left."""
    site.simulator.sockets.always(over_socket(answer("ok")))
    for _ in range(3):
        assert (await site.ask()).status_code == 200
    simulator = site.simulator
    assert (len(simulator.sessions), len(simulator.modes)) == (1, 1)
    assert len(simulator.sockets.calls) == 3
    assert not simulator.calls


def only(simulator: Simulator) -> SocketCall:
    """The one question, which was asked as the page asks it."""
    (call,) = simulator.sockets.calls
    assert call.faults == []
    assert not simulator.calls
    return call
