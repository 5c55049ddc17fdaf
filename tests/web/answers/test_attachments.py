"""Pictures and files in, and videos of them: real sockets, a simulated Grok that knows whose file
is whose.
"""

from __future__ import annotations

import base64
import json
from collections import deque
from functools import partial
from typing import Any

import openai
import pytest
import trio
import trio.testing
from attrs import frozen

from grokcore.protocol.models import WebLane
from grokcore.protocol.tokens import TokenEntry
from grokcore.simulator import lines
from grokcore.simulator.files import POST_PATH, UPLOAD_PATH
from grokcore.simulator.scripts import HANG, Script, Wait, answer, error, page, video
from tests.examples import JPEG, PDF, PNG, asking, chats, contents, data_url, picture, uploaded
from tests.lanes import each_lane
from tests.servers import Site, chat, free_port, http_request, on_site, run_on_site

ONE = (TokenEntry("sso-0"),)
TWO = (TokenEntry("sso-0"), TokenEntry("sso-1"))
MB = 1024 * 1024


# Pictures and files -----------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True])
@on_site
async def test_pictures_and_files_go_up_with_the_token_that_answers(
    site: Site, stream: bool
) -> None:
    """In their order, with the type that their bytes have, whatever the client says; and then the
    question.
    """
    parts = [
        picture(JPEG, "image/png"),
        picture(),
        {"type": "file", "file": {"file_data": data_url(PDF), "filename": "a.pdf"}},
    ]
    reply = await site.client.post("/v1/chat/completions", json=asking(*parts, stream=stream))
    assert reply.status_code == 200
    (call,) = chats(site.simulator)
    files = site.simulator.files.contents
    assert [files[call.sso, file_id] for file_id in call.body["fileAttachments"]] == [
        JPEG,
        PNG,
        PDF,
    ]
    assert sorted(kind for kind, _ in contents(site.simulator)) == [
        "application/pdf",
        "image/jpeg",
        "image/png",
    ]
    assert {upload.sso for upload in uploaded(site.simulator)} == {call.sso}
    assert call.body["message"] == "What is this?"
    assert call.body["imageAttachments"] == []


B64 = base64.b64encode(PDF).decode()
FORMS: list[tuple[str, dict[str, Any], str]] = [
    ("object", picture(), "image.png"),
    ("bare string", {"type": "image_url", "image_url": data_url(PNG)}, "image.png"),
    (
        "detail",
        {"type": "image_url", "image_url": {"url": data_url(PNG), "detail": "high"}},
        "image.png",
    ),
    ("no type", {"type": "image_url", "image_url": {"url": data_url(PNG, "")}}, "image.png"),
    ("responses", {"type": "input_image", "image_url": data_url(PNG)}, "image.png"),
    (
        "bare base64 of a picture",
        {"type": "image_url", "image_url": {"url": data_url(PNG).partition(",")[2]}},
        "image.png",
    ),
    (
        "a text in UTF-16",
        {
            "type": "file",
            "file": {"file_data": data_url("é".encode("utf-16")), "filename": "a.txt"},
        },
        "a.txt",
    ),
    (
        "a file",
        {"type": "file", "file": {"file_data": data_url(PDF), "filename": "report.pdf"}},
        "report.pdf",
    ),
    ("a file without a name", {"type": "file", "file": {"file_data": data_url(PDF)}}, "file.pdf"),
    (
        "bare base64",
        {"type": "file", "file": {"file_data": B64, "filename": "../../etc/x"}},
        "x.pdf",
    ),
    (
        "responses' file",
        {"type": "input_file", "file_data": data_url(PDF), "filename": "r.pdf"},
        "r.pdf",
    ),
    (
        "a text",
        {"type": "file", "file": {"file_data": data_url(b"# Notes\n"), "filename": "notes.md"}},
        "notes.md",
    ),
]


@pytest.mark.parametrize(
    ("part", "name"), [row[1:] for row in FORMS], ids=[row[0] for row in FORMS]
)
@on_site
async def test_every_way_in_which_clients_attach_is_understood(
    site: Site, part: dict[str, Any], name: str
) -> None:
    """Whatever SDK wrote it; the file's name is one that is safe and has the ending of what it
    is.
    """
    assert (await site.client.post("/v1/chat/completions", json=asking(part))).status_code == 200
    (upload,) = uploaded(site.simulator)
    assert upload.body["fileName"] == name


@frozen
class Refused:
    """A part that is not passed on."""

    name: str
    part: dict[str, Any]
    says: str
    status: int = 400
    code: str = "invalid_attachment"


REFUSED = [
    Refused(
        "not base64",
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,*"}},
        "base64",
    ),
    Refused("no picture", picture(b"<svg/>"), "only a picture"),
    Refused("a PDF as a picture", picture(PDF), "application/pdf"),
    Refused("an HTML page as a picture", picture(b"<html>"), "only a picture"),
    Refused("empty", picture(b""), "messages[0].content[1]"),
    Refused("a file's id", {"type": "file", "file": {"file_id": "file-1"}}, "file_id"),
    Refused(
        "a path of its own", {"type": "image_url", "image_url": {"url": "pictures/a.png"}}, "data:"
    ),
    Refused(
        "base64 of nothing",
        {"type": "image_url", "image_url": {"url": "aGVsbG8gd29ybGQhIQ=="}},
        "data:",
    ),
    Refused(
        "Latin-1",
        {"type": "file", "file": {"file_data": data_url("Grüße".encode("latin-1"))}},
        "UTF-8",
    ),
    Refused(
        "a path",
        {"type": "image_url", "image_url": {"url": "file:///etc/passwd"}},
        "messages[0].content[1]",
    ),
    Refused(
        "loopback",
        {"type": "image_url", "image_url": {"url": "http://127.0.0.1/a.png"}},
        "allow_hosts",
    ),
    Refused("sound", {"type": "input_audio", "input_audio": {"data": "AAAA"}}, "input_audio"),
    Refused("too large", picture(PNG + bytes(20 * MB)), "20 MB", 413, "request_too_large"),
]


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
@on_site
async def test_what_can_t_be_passed_on_is_refused_by_its_place(site: Site, case: Refused) -> None:
    """Nothing is asked of Grok then, and no answer is given without the picture."""
    reply = await site.client.post("/v1/chat/completions", json=asking(case.part))
    failure = reply.json()["error"]
    assert (reply.status_code, failure["code"]) == (case.status, case.code)
    assert failure["param"] == "messages[0].content[1]"
    assert case.says in failure["message"]
    assert len(failure["message"]) < 300
    assert not site.simulator.uploads
    assert not chats(site.simulator)


@pytest.mark.large
@on_site
async def test_more_than_64_mb_together_are_refused(site: Site) -> None:
    """Each may have 20 MB."""
    parts = [picture(PNG + bytes(17 * MB)) for _ in range(4)]
    reply = await site.client.post("/v1/chat/completions", json=asking(*parts))
    assert (reply.status_code, reply.json()["error"]["code"]) == (413, "request_too_large")
    assert "64 MB" in reply.json()["error"]["message"]
    assert not site.simulator.uploads


def test_a_picture_by_its_url_is_fetched_from_where_it_may_be() -> None:
    """From a private host that the configuration names; nothing of Grok's goes along."""
    port = free_port()
    seen: list[bytes] = []

    async def give(stream: trio.SocketStream) -> None:
        seen.append(await stream.receive_some(4096))
        await stream.send_all(
            b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(JPEG), JPEG)
        )

    async def scenario(site: Site) -> None:
        async with trio.open_nursery() as nursery:
            await nursery.start(partial(trio.serve_tcp, host="127.0.0.1"), give, port)
            url = f"http://127.0.0.1:{port}/a.png"
            part = {"type": "image_url", "image_url": {"url": url}}
            assert (
                await site.client.post("/v1/chat/completions", json=asking(part))
            ).status_code == 200
            assert contents(site.simulator) == [("image/jpeg", JPEG)]
            assert len(seen) == 1
            assert b"sso" not in seen[0]
            assert b"cookie" not in seen[0].lower()
            nursery.cancel_scope.cancel()

    run_on_site(scenario, config=f'[fetch]\nallow_hosts = ["127.0.0.1:{port}"]')


@on_site
async def test_earlier_pictures_are_named_and_only_the_last_turn_s_go_up(site: Site) -> None:
    """Grok would be shown the same pictures with every question."""
    messages = [
        {"role": "user", "content": [{"type": "text", "text": "What is it?"}, picture(JPEG)]},
        {"role": "assistant", "content": "A cat."},
        {"role": "user", "content": [picture(PNG)]},
    ]
    reply = await site.client.post("/v1/chat/completions", json=chat(messages=messages))
    assert reply.status_code == 200
    assert [data for _, data in contents(site.simulator)] == [PNG]
    message = chats(site.simulator)[0].body["message"]
    assert "What is it?\n[image 1]" in message
    assert message.endswith("\n\nSee the attachment.")


# Uploads ----------------------------------------------------------------------------------------

FAILING: list[tuple[str, Script, int, str]] = [
    ("down", error(503, {"code": 14, "message": "unavailable"}), 502, "upload_failed"),
    ("refused", error(400, lines.ERROR_400), 400, "invalid_attachment"),
    ("moderated", error(403, lines.ERROR_403_MODERATED), 400, "content_policy_violation"),
    ("no file in the answer", error(200, {"fileMetadata": {}}), 502, "upload_failed"),
    ("no JSON", Script((), 200), 502, "upload_failed"),
    ("a page", page(200, "<html>hello</html>"), 502, "upload_failed"),
    ("a challenge", page(), 502, "upstream_challenge"),
    ("anti-bot", error(403, lines.ERROR_403_ANTIBOT), 502, "upstream_antibot"),
]


@each_lane
@pytest.mark.parametrize(
    ("script", "status", "code"), [row[1:] for row in FAILING], ids=[row[0] for row in FAILING]
)
@on_site(tokens=ONE, lane=lambda lane: lane)
async def test_a_failing_upload_fails_the_request(
    site: Site, script: Script, status: int, code: str
) -> None:
    """With the part and the reason; never an answer without the picture, and no lease is kept."""
    site.simulator.upload_scripts["sso-0"] = deque([script])
    reply = await site.client.post("/v1/chat/completions", json=asking(picture()))
    failure = reply.json()["error"]
    assert (reply.status_code, failure["code"]) == (status, code), failure
    assert code == "upstream_challenge" or failure["param"] == "messages[0].content[1]"
    assert "sso-0" not in reply.text
    assert not site.asked
    assert site.leased() == 0


@each_lane
@on_site(tokens=ONE, lane=lambda lane: lane)
async def test_an_upload_without_the_page_s_value_says_what_the_owner_can_do(site: Site) -> None:
    """Uploads are REST on both lanes, and what they need expires; a text alone is answered."""
    site.simulator.signature = "made by the page"
    reply = await site.client.post("/v1/chat/completions", json=asking(picture()))
    failure = reply.json()["error"]
    assert (reply.status_code, failure["code"]) == (502, "upstream_antibot")
    assert failure["param"] == "messages[0].content[1]"
    assert failure["message"].startswith("messages[0].content[1] could not be uploaded.")
    assert "import-curl" in failure["message"]
    over_socket = site.lane is WebLane.SOCKET
    assert (await site.ask()).status_code == (200 if over_socket else 502)


@on_site(lane=WebLane.SOCKET)
async def test_a_video_without_the_page_s_value_says_that_it_goes_over_rest(site: Site) -> None:
    """The owner has chosen no REST, and would not know what is refused."""
    site.simulator.signature = "made by the page"
    failure = (await site.ask(model="grok-imagine-0.9")).json()["error"]
    assert failure["code"] == "upstream_antibot"
    assert "uploads and videos go over REST all the same" in failure["message"]
    assert not site.simulator.sockets.calls


@on_site(tokens=TWO)
async def test_another_token_uploads_again_what_it_then_answers_to(site: Site) -> None:
    """An account sees its own files only."""
    for dead in ("sso-0", "sso-1"):
        site.simulator.dead = {dead}
        site.simulator.uploads.clear()
        reply = await site.client.post("/v1/chat/completions", json=asking(picture()))
        if reply.headers["x-grok2api-attempts"] == "2":
            break
    assert reply.status_code == 200
    assert [call.sso for call in uploaded(site.simulator)][-1] == chats(site.simulator)[-1].sso


@on_site(tokens=TWO)
async def test_a_token_refused_at_the_chat_is_replaced_with_its_uploads(site: Site) -> None:
    """The second attempt names the files of its own account."""
    site.simulator.script("sso-0", error(401, lines.ERROR_401))
    site.simulator.script("sso-1", answer("fine"))
    replies = [
        await site.client.post("/v1/chat/completions", json=asking(picture())) for _ in range(2)
    ]
    assert [reply.status_code for reply in replies] == [200, 200]
    last = chats(site.simulator)[-1]
    assert last.sso == "sso-1"
    assert [
        ("sso-1", file_id) in site.simulator.files.contents
        for file_id in last.body["fileAttachments"]
    ] == [True]


@on_site(tokens=ONE)
async def test_what_a_token_has_is_not_uploaded_again(site: Site) -> None:
    """Known by its content, also under another name; another content is another file."""
    for part in (picture(), picture(PNG, "image/jpeg"), picture(JPEG)):
        assert (
            await site.client.post("/v1/chat/completions", json=asking(part))
        ).status_code == 200
    assert [data for _, data in contents(site.simulator)] == [PNG, JPEG]
    first, second, third = (call.body["fileAttachments"] for call in chats(site.simulator))
    assert first == second != third


@on_site(tokens=ONE)
async def test_a_file_that_grok_has_lost_is_uploaded_anew(site: Site) -> None:
    """The next request uploads it again: a failure empties the memory of uploads."""
    assert (
        await site.client.post("/v1/chat/completions", json=asking(picture()))
    ).status_code == 200
    site.simulator.files.contents.clear()
    lost = await site.client.post("/v1/chat/completions", json=asking(picture()))
    assert lost.json()["error"]["code"] == "invalid_attachment"
    assert (
        await site.client.post("/v1/chat/completions", json=asking(picture()))
    ).status_code == 200
    assert len(uploaded(site.simulator)) == 2


@on_site(tokens=ONE)
async def test_five_uploads_at_once(site: Site) -> None:
    """As Grok's page does, over all clients; the sixth upload waits for a place."""
    slow = error(200, {"fileMetadataId": "f", "fileUri": "users/u/f/content"})
    site.simulator.upload_scripts["sso-0"] = deque(
        [Script((Wait(0.05), *slow.steps), 200, slow.headers)]
    )
    most = 0

    async def watch() -> None:
        nonlocal most
        while True:
            await site.simulator._changed.park()
            most = max(most, sum(call.outcome == "open" for call in site.simulator.uploads))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch)
        await site.client.post(
            "/v1/chat/completions", json=asking(*(picture(PNG + bytes(n)) for n in range(12)))
        )
        nursery.cancel_scope.cancel()
    assert len(uploaded(site.simulator)) == 12
    assert most == 5


@on_site(tokens=ONE)
async def test_a_client_that_leaves_ends_its_upload(site: Site) -> None:
    """At once, and the token is free again."""
    site.simulator.upload_scripts["sso-0"] = deque([Script((HANG,))])
    stream = await site.connect()
    await stream.send_all(http_request(json.dumps(asking(picture(), stream=True)).encode()))
    await site.simulator.until(lambda: len(site.simulator.uploads) == 1)
    await stream.aclose()
    await site.simulator.until(lambda: site.simulator.uploads[0].outcome == "aborted")
    while site.gateway.open_count:
        await trio.testing.wait_all_tasks_blocked(0.002)
    assert site.leased() == 0


@on_site(
    tokens=ONE, config="[grok]\nstream_total_timeout = 0.2\nstream_first_response_timeout = 0.1"
)
async def test_the_total_clock_counts_uploads(site: Site) -> None:
    """It runs from the request's arrival."""
    site.simulator.upload_scripts["sso-0"] = deque([Script((HANG,))])
    reply = await site.client.post("/v1/chat/completions", json=asking(picture()))
    assert (reply.status_code, reply.json()["error"]["code"]) == (504, "timeout_total")
    assert site.leased() == 0


@pytest.mark.parametrize(("field", "config", "off"), [
    ({}, "", False),
    ({"search": False}, "", True),
    ({"search": True}, '[models."grok-3-fast"]\nsearch = false', False),
    ({}, '[models."grok-3-fast"]\nsearch = false', True),
])  # fmt: skip
@on_site(config=lambda config: config)
async def test_search_is_switched_off_by_a_model_s_row_or_a_request(
    site: Site, field: dict[str, Any], config: str, off: bool
) -> None:
    """The request's word counts."""
    assert (await site.ask(**field)).status_code == 200
    assert chats(site.simulator)[0].body["disableSearch"] is off


# Videos -----------------------------------------------------------------------------------------

VIDEO = "grok-imagine-0.9"
MADE = "users/u/generated/v/generated_video.mp4"


@on_site
async def test_a_video_of_a_picture_is_made_of_its_post(site: Site) -> None:
    """The picture goes up, a post is made of it, and the video is asked for in the recorded
    form.
    """
    reply = await site.client.post("/v1/chat/completions", json=asking(picture(), model=VIDEO))
    message = reply.json()["choices"][0]["message"]
    assert "generated_video.mp4" in message["content"]
    assert "<video" in message["content"]
    assert "100 %" in message["reasoning_content"]
    (call,) = chats(site.simulator)
    ((_, post_id),) = site.simulator.files.posts
    (file_id,) = call.body["fileAttachments"]
    assert call.body == {
        "temporary": True,
        "modelName": "grok-3",
        "message": f"https://grok.com/imagine/{post_id}  What is this? --mode=custom",
        "fileAttachments": [file_id],
        "toolOverrides": {"videoGen": True},
    }
    assert call.headers["referer"] == f"https://grok.com/imagine/{post_id}"


@pytest.mark.parametrize(("asked", "sent"), [
    ("a cat runs", "a cat runs --mode=custom"),
    ("a cat runs --mode=normal", "a cat runs --mode=normal"),
    ("a cat --mode=other runs", "a cat runs --mode=custom"),
    ("a cat --mode=normal --mode=other", "a cat --mode=custom"),
])  # fmt: skip
@on_site
async def test_a_video_of_words(site: Site, asked: str, sent: str) -> None:
    """Only the last user's words go up, with the one mode or the other."""
    messages = [{"role": "system", "content": "Be terse."}, {"role": "user", "content": asked}]
    reply = await site.client.post(
        "/v1/chat/completions", json=chat(model=VIDEO, messages=messages, stream=True)
    )
    assert "generated_video.mp4" in reply.text
    (call,) = chats(site.simulator)
    assert call.body["message"] == sent
    assert call.body["fileAttachments"] == []
    assert [post.body["mediaType"] for post in site.simulator.uploads] == ["MEDIA_POST_TYPE_VIDEO"]


@on_site(tokens=ONE)
async def test_without_a_post_a_video_is_tried_all_the_same(site: Site) -> None:
    """Grok has retired posts for some; the picture's own address stands in for it."""
    upload = error(200, {"fileMetadataId": "f", "fileUri": "users/u/f/content"})
    site.simulator.files.contents["sso-0", "f"] = PNG
    site.simulator.upload_scripts["sso-0"] = deque([upload, error(404, lines.ERROR_404_POST)])
    site.simulator.always(video(MADE))
    reply = await site.client.post("/v1/chat/completions", json=asking(picture(), model=VIDEO))
    assert MADE in reply.json()["choices"][0]["message"]["content"]
    (call,) = chats(site.simulator)
    assert [post.path for post in site.simulator.uploads] == [UPLOAD_PATH, POST_PATH]
    assert (
        call.body["message"]
        == "https://assets.grok.com/post/users/u/f/content  What is this? --mode=custom"
    )


@on_site
async def test_a_moderated_video_is_not_shown(site: Site) -> None:
    """And it is said why there is none."""
    site.simulator.always(video(MADE, moderated=True))
    reply = await site.ask(model=VIDEO)
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "content_policy_violation")


@on_site
async def test_the_openai_sdk_shows_a_picture(site: Site) -> None:
    """Without anything special."""

    def ask() -> str:
        with openai.OpenAI(base_url=f"{site.url}/v1", api_key="none", max_retries=0) as client:
            parts: Any = [{"type": "text", "text": "What is this?"}, picture()]
            reply = client.chat.completions.create(
                model="grok-3-fast", messages=[{"role": "user", "content": parts}]
            )
            return reply.choices[0].message.content or ""

    assert "What is this?" in await trio.to_thread.run_sync(ask)
    assert contents(site.simulator) == [("image/png", PNG)]


# Long conversations -----------------------------------------------------------------------------


def long_chat() -> dict[str, Any]:
    messages = [
        {"role": "user", "content": "x" * 1500},
        {"role": "assistant", "content": "ok"},
        {"role": "user", "content": "Why?"},
    ]
    return chat(messages=messages)


@on_site(config="[grok]\nlong_context_chars = 1000")
async def test_a_long_conversation_goes_up_as_a_file(site: Site) -> None:
    """It is never cut, and the answer's headers say what became of it."""
    reply = await site.client.post("/v1/chat/completions", json=long_chat())
    assert reply.status_code == 200
    assert reply.headers["x-grok2api-long-context"] == "file"
    (upload,) = uploaded(site.simulator)
    assert (upload.body["fileName"], upload.body["fileMimeType"]) == (
        "conversation.txt",
        "text/plain",
    )
    text = base64.b64decode(upload.body["content"]).decode()
    assert text == f"<user>\n{'x' * 1500}\n</user>\n\n<assistant>\nok\n</assistant>"
    message = chats(site.simulator)[0].body["message"]
    assert message.endswith("\n\nWhy?")
    assert "conversation.txt" in message
    assert len(chats(site.simulator)[0].body["fileAttachments"]) == 1


@on_site(config='[grok]\nlong_context_chars = 1000\nlong_context = "error"')
async def test_a_long_conversation_is_refused_by_setting(site: Site) -> None:
    """The request is refused before anything is sent to Grok."""
    reply = await site.client.post("/v1/chat/completions", json=long_chat())
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "context_length_exceeded")
    assert not site.simulator.uploads
    assert not chats(site.simulator)


# Threads ----------------------------------------------------------------------------------------

BY_NAME = {"type": "image_url", "image_url": {"url": "https://pictures.example.com/a.png"}}


@pytest.mark.parametrize(
    ("part", "nth"),
    [(picture(), 0), (picture(), 1), (BY_NAME, 0), ({"type": "text", "text": "a" * 2 * MB}, 0)],
    ids=["decoding", "uploading", "looking up", "parsing"],
)
@on_site
async def test_no_thread_to_be_had_is_503_and_passes(
    site: Site, part: dict[str, Any], nth: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever of a request's threads can't be had: the server is overloaded, not broken, and no
    token is blamed.
    """
    run_sync, asked = trio.to_thread.run_sync, []

    async def some(*arguments: Any, **options: Any) -> Any:
        asked.append(arguments)
        if len(asked) == nth + 1:
            raise RuntimeError("can't start new thread")
        return await run_sync(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(trio.to_thread, "run_sync", some)
        reply = await site.client.post("/v1/chat/completions", json=asking(part))
    assert (reply.status_code, reply.json()["error"]["code"]) == (503, "overloaded"), reply.text
    assert reply.headers["retry-after"] == "1"
    assert site.leased() == 0
    assert (
        await site.client.post("/v1/chat/completions", json=asking(picture()))
    ).status_code == 200
