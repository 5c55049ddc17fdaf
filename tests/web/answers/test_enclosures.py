"""Pictures of a conversation: which are uploaded, and how the others are named."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import frozen

from grokcore.protocol.tokens import TokenEntry
from grokcore.simulator import lines
from grokcore.simulator.scripts import Script, answer, error, play_lines, wrapped
from tests.examples import JPEG, PDF, PNG, chats, contents, data_url, picture
from tests.servers import Site, chat, on_site

GIF = b"GIF89a" + bytes(20)
WEBP = b"RIFF\0\0\0\0WEBP" + bytes(20)
ATTACH = '[grok]\nearlier_pictures = "attach"'
BROKEN = {"type": "image_url", "image_url": {"url": "data:image/png;base64,*"}}
GONE = {"type": "image_url", "image_url": {"url": "http://127.0.0.1:1/a.png"}}


def said(role: str, *content: Any, **fields: Any) -> dict[str, Any]:
    return {"role": role, "content": list(content), **fields}


@frozen
class Conversation:
    """Messages, what goes up, and what the header and the prompt say."""

    name: str
    messages: list[dict[str, Any]]
    up: list[bytes]
    ignored: str | None = None
    says: tuple[str, ...] = ()
    config: str = ""


CALLS = said("assistant", {"type": "tool_use", "id": "1", "name": "read", "input": {}})
HISTORY = [said("user", picture(JPEG), "One."), said("assistant", "Yes."), said("user", "Two.")]
SAME_AGAIN = {"type": "input_image", "image_url": data_url(JPEG, "image/png")}

CONVERSATIONS = [
    Conversation("a tool's", [said("user", "Look."), CALLS, said("tool", "Here:", picture(PNG), tool_call_id="1")], [PNG], None, ("[image 1] (attached)",)),
    Conversation("a tool's, in the user's turn", [said("user", "Look."), CALLS, said("user", {"type": "tool_result", "tool_use_id": "1", "content": [picture(PNG)]})], [PNG], None, ("[image 1] (attached)",)),
    Conversation("the user's and a tool's", [said("user", "Both?", picture(JPEG)), CALLS, said("tool", picture(PNG))], [JPEG, PNG], None, ("[image 1] (attached)", "[image 2] (attached)")),
    Conversation("the system's", [said("system", "Logo:", picture(GIF)), said("user", "Whose?")], [GIF], None, ("[image 1] (attached)",)),
    Conversation("two messages in a row", [said("user", "One.", picture(JPEG)), said("user", "Two.", picture(PNG))], [JPEG, PNG], None, ("[image 1] (attached)",)),
    Conversation("an answer begun", [said("user", "What is it?", picture(PNG)), said("assistant", "It is a")], [PNG]),
    Conversation("a file of a tool", [said("user", "Look."), CALLS, said("tool", {"type": "input_file", "file_data": data_url(PDF), "filename": "a.pdf"})], [PDF], None, ("[file a.pdf] (attached)",)),
    Conversation("earlier ones", HISTORY, [], "earlier_pictures", ("[image 1]\n",)),
    Conversation("an earlier file", [said("user", {"type": "file", "file": {"file_data": data_url(PDF)}}), *HISTORY[1:]], [], "earlier_files"),
    Conversation("a tool's that is none", [said("user", "Look."), CALLS, said("tool", BROKEN, GONE, picture(b"text"), "ok")], [], "earlier_pictures", ("[image 1]\n[image 2]\n[image 3]\n",)),
    Conversation("a refused one before", [said("user", BROKEN), said("user", "Never mind.")], [], "earlier_pictures", ("[image 1]\n",)),
    Conversation("attached", HISTORY, [JPEG], None, ("[image 1] (attached)",), ATTACH),
    Conversation("attached once", [HISTORY[0], said("user", SAME_AGAIN), CALLS, said("user", picture(PNG))], [JPEG, PNG], None, ("[image 1] (attached)", "[image 2] (attached)"), ATTACH),
    Conversation("attached with the question", [*HISTORY[:2], said("user", picture(JPEG, "image/gif"), "Same?")], [JPEG], None, ("[image 1] (attached)",), ATTACH),
    Conversation("the last four", [*(said("user", picture(data)) for data in (JPEG, PNG, GIF, GIF, WEBP, PNG + b"x")), *HISTORY[1:]], [PNG, GIF, WEBP, PNG + b"x"], "earlier_pictures", ("[image 1]\n</user>", "[image 2] (attached)"), ATTACH),
    Conversation("a broken one of them", [said("user", picture(PNG)), said("user", BROKEN), *HISTORY[1:]], [PNG], "earlier_pictures", ("[image 1] (attached)", "[image 2]\n"), ATTACH),
]  # fmt: skip


@pytest.mark.parametrize("case", CONVERSATIONS, ids=lambda case: case.name)
@on_site(config=lambda case: case.config)
async def test_each_picture_goes_up_or_is_named(site: Site, case: Conversation) -> None:
    """In the order of the conversation; none of history fails a request."""
    reply = await site.client.post("/v1/chat/completions", json=chat(messages=case.messages))
    assert reply.status_code == 200, reply.text
    (call,) = chats(site.simulator)
    files = site.simulator.files.contents
    assert [files[call.sso, file_id] for file_id in call.body["fileAttachments"]] == case.up
    assert reply.headers.get("x-grok2api-ignored") == case.ignored
    for words in case.says:
        assert words in call.body["message"]


@on_site(config=ATTACH)
async def test_the_questions_own_pictures_are_still_needed(site: Site) -> None:
    """Also with others: without them there is no answer."""
    messages = [*HISTORY[:2], said("user", picture(PNG), BROKEN)]
    reply = await site.client.post("/v1/chat/completions", json=chat(messages=messages))
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, "messages[2].content[1]")
    assert not chats(site.simulator)
    assert not contents(site.simulator)


@on_site
async def test_there_is_room_for_twenty(site: Site) -> None:
    """The question's go first; others go up as far as there is room."""
    own = [picture(PNG + bytes(n)) for n in range(19)]
    messages = [said("user", picture(GIF), picture(JPEG)), said("user", *own)]
    reply = await site.client.post("/v1/chat/completions", json=chat(messages=messages))
    assert reply.status_code == 200
    assert reply.headers["x-grok2api-ignored"] == "earlier_pictures"
    assert len(chats(site.simulator)[0].body["fileAttachments"]) == 20
    assert JPEG in [data for _, data in contents(site.simulator)]


@on_site
async def test_a_video_is_made_of_the_last_words_alone(site: Site) -> None:
    """And the header names the rest."""
    messages = [said("system", picture(GIF), "Logo."), said("user", picture(PNG), "It runs.")]
    reply = await site.client.post(
        "/v1/chat/completions", json=chat(model="grok-imagine-0.9", messages=messages)
    )
    assert reply.status_code == 200
    assert reply.headers["x-grok2api-ignored"] == "earlier_messages, earlier_pictures"
    assert [data for _, data in contents(site.simulator)] == [PNG]


# What Grok does not take ------------------------------------------------------------------------

ONE = (TokenEntry("sso-0"),)
DOWN = error(503, {"code": 14, "message": "unavailable"})
TOOL = [
    said("user", "Look."),
    CALLS,
    said("tool", "Here:", picture(PNG), picture(GIF), tool_call_id="1"),
]
LONG = [said("user", "Look." * 1000), *TOOL[1:]]


@frozen
class Untaken:
    """How Grok answers to the upload of :data:`PNG`, and how many attempts it takes."""

    name: str
    script: Script
    attempts: str = "1"
    messages: list[dict[str, Any]] = TOOL
    config: str = ""


UNTAKEN = [
    Untaken("refused", error(400, lines.ERROR_400)),
    Untaken("moderated", error(403, lines.ERROR_403_MODERATED)),
    Untaken("always down", DOWN, "2"),
    Untaken("no file in the answer", error(200, {}), "2"),
    Untaken("with a transcript", error(400, lines.ERROR_400), "1", LONG, "[grok]\nlong_context_chars = 2000"),
    Untaken("an earlier one", error(400, lines.ERROR_400), "1", [said("user", picture(PNG), picture(GIF)), *HISTORY[1:]], ATTACH),
    Untaken("twice the same", error(400, lines.ERROR_400), "1", [said("user", picture(PNG)), said("user", picture(PNG), picture(GIF)), *HISTORY[1:]], ATTACH),
]  # fmt: skip


@pytest.mark.parametrize("case", UNTAKEN, ids=lambda case: case.name)
@on_site(config=lambda case: case.config, tokens=ONE)
async def test_history_that_grok_does_not_take_is_left_out(site: Site, case: Untaken) -> None:
    """It is named in the transcript and in the header; the rest goes up, and so does every
    repetition.
    """
    site.simulator.files.scripts[PNG] = case.script
    for _ in range(2):
        reply = await site.client.post("/v1/chat/completions", json=chat(messages=case.messages))
        assert reply.status_code == 200, reply.text
        assert reply.headers["x-grok2api-ignored"] == "earlier_pictures"
        assert reply.headers["x-grok2api-attempts"] == case.attempts
        call = chats(site.simulator)[-1]
        up = [
            site.simulator.files.contents[call.sso, file_id]
            for file_id in call.body["fileAttachments"]
        ]
        assert up[-1] == GIF
        assert PNG not in up
        shown = "\n".join([call.body["message"], *(data.decode() for data in up[:-1])])
        assert "[image 1]\n" in shown
        assert "(attached)" in shown
        assert "[image 1] (attached)" not in shown
    assert site.leased() == 0


@pytest.mark.parametrize("messages", [HISTORY, TOOL], ids=["question", "tool"])
@pytest.mark.parametrize(
    "detail", ["attachmentLoadFailed", "attachmentImageTooLarge", "attachmentModerated"]
)
@on_site(config=ATTACH, tokens=ONE)
async def test_attachments_that_fail_the_answer_are_left_out_if_they_may(
    site: Site, detail: str, messages: list[dict[str, Any]]
) -> None:
    """Grok does not say which; those of the user's last message go up again, and without others the
    failure stands.
    """
    failing = play_lines([wrapped(lines.nested_error(detail, "no"))])
    site.simulator.script("sso-0", failing, answer("fine"))
    asked = (
        [*messages[:-1], said("user", picture(WEBP), "And this?")]
        if messages is HISTORY
        else messages
    )
    reply = await site.client.post("/v1/chat/completions", json=chat(messages=asked))
    assert reply.status_code == 200, reply.text
    assert reply.headers["x-grok2api-ignored"] == "earlier_pictures"
    assert reply.headers["x-grok2api-attempts"] == "2"
    call = chats(site.simulator)[-1]
    up = [
        site.simulator.files.contents[call.sso, file_id] for file_id in call.body["fileAttachments"]
    ]
    assert up == ([WEBP] if messages is HISTORY else [])
    site.simulator.script("sso-0", failing)
    reply = await site.client.post(
        "/v1/chat/completions", json=chat(messages=[said("user", picture(PNG))])
    )
    assert (reply.status_code, reply.headers["x-grok2api-attempts"]) == (400, "1")


@on_site(tokens=ONE)
async def test_the_question_stays_strict_beside_history_that_is_left_out(site: Site) -> None:
    """What the user attached now is refused with its path, also if something of a tool's is refused
    as well.
    """
    site.simulator.files.scripts = {
        PNG: error(400, lines.ERROR_400),
        JPEG: error(400, lines.ERROR_400),
    }
    messages = [*TOOL, said("user", picture(JPEG), "And this?")]
    reply = await site.client.post("/v1/chat/completions", json=chat(messages=messages))
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, "messages[3].content[0]")
    assert not chats(site.simulator)
