"""Delivery of pictures and videos to the client, over real sockets."""

from __future__ import annotations

import base64
import logging
import re
from functools import partial
from pathlib import Path
from typing import Any

import openai
import pytest
import trio
import trio.testing
from attrs import evolve

from grokcore.protocol.dialects.openai_chat.writers import (
    KEEP_ALIVE,
)
from grokcore.protocol.tokens import TokenEntry
from grokcore.simulator import lines
from grokcore.simulator.assets import jpeg, mp4, png
from grokcore.simulator.scripts import (
    HANG,
    Script,
    Send,
    answer,
    error,
    play_lines,
    video,
    wrapped,
)
from grokcore.web import delivery as delivery_module
from tests.servers import Site, chat, read_until
from tests.web.delivery_world import (
    BASE,
    FOLDER,
    PICTURE,
    URL,
    VIDEO_PATH,
)
from tests.web.media_site import on_media_site, run_on_media_site
from tests.wire import post, text_of

OTHER_PICTURE = f"{FOLDER}/2/image.png"


TEXT = "Two pictures."


SEED = answer(TEXT, final={"generatedImageUrls": [PICTURE, OTHER_PICTURE]})


CARDS = play_lines(
    [
        wrapped(one)
        for one in (
            *(lines.picture_card(card) for card in ("p1", "p2")),
            lines.token(TEXT),
            *(lines.token(lines.picture(card)) for card in ("p1", "p2")),
            *(lines.picture_card("p1", percent, PICTURE) for percent in (50, 100)),
            *(lines.picture_card("p2", percent, OTHER_PICTURE) for percent in (50, 100)),
            lines.soft_stop(),
        )
    ]
)


LINK = re.compile(r"!?\[(?:image|video)\]\(([^)]*)\)")


AROUND = re.compile(r"\[(!\[image\]\([^)]*\))\]\(([^)]*)\)")
"""A picture that is a link."""


def ask_with_sdk(site: Site) -> tuple[str, str, list[str]]:
    """The text of a whole answer and of a streamed one, and the latter's deltas."""
    request: Any = {"model": "grok-3-fast", "messages": [{"role": "user", "content": "draw"}]}
    with openai.OpenAI(base_url=f"{site.url}/v1", api_key="key", max_retries=0) as client:
        whole = client.chat.completions.create(**request).choices[0].message.content
        chunks = client.chat.completions.create(**request, stream=True)
        deltas = [chunk.choices[0].delta.content or "" for chunk in chunks]
    return whole or "", "".join(deltas), deltas


@pytest.mark.parametrize("script", [SEED, CARDS], ids=["2025", "2026"])
@pytest.mark.parametrize("mode", ["url", "cache", "base64"])
@on_media_site(config=lambda mode: f'[grok]\napi_key = "key"\nimage_mode = "{mode}"')
async def test_the_openai_sdk_gets_pictures_that_can_be_shown(
    site: Site, mode: str, script: Script
) -> None:
    """Whole and streamed, of both forms. A link into the cache is good without a key; a picture
    within is whole.
    """
    site.simulator.always(script)
    whole, streamed, deltas = await trio.to_thread.run_sync(ask_with_sdk, site)
    origins = (
        [f"{site.grok_url}/{path}" for path in (PICTURE, OTHER_PICTURE)] if mode == "cache" else []
    )
    for text in (whole, streamed):
        assert [found[2] for found in AROUND.finditer(text)] == origins
    whole, streamed = (AROUND.sub(r"\1", text) for text in (whole, streamed))
    assert [LINK.sub("", text).rstrip() for text in (whole, streamed)] == [TEXT] * 2
    assert [sum(bool(LINK.search(delta)) for delta in deltas)] == [2]
    assert len(site.simulator.fetches) == (0 if mode == "url" else 4)
    assert {call.sso for call in site.simulator.fetches} <= {
        call.sso for call in site.simulator.calls
    }
    for text in (whole, streamed):
        found = [await shown(site, mode, url) for url in LINK.findall(text)]
        assert found == [("image/jpeg", jpeg()), ("image/png", png())]


async def shown(site: Site, mode: str, url: str) -> tuple[str, bytes]:
    """What a client makes of an address: media type and content."""
    match mode:
        case "base64":
            head, _, payload = url.partition(",")
            return head.removeprefix("data:").removesuffix(";base64"), base64.b64decode(payload)
        case "cache":
            assert url.startswith(f"{site.url}/media/")
            response = await site.client.get(url)
        case _:
            assert url.startswith(f"{site.grok_url}/users/")
            assert (await site.client.get(url)).status_code == 403
            response = await site.client.get(url, headers={"cookie": "sso=sso-0"})
    return response.headers["content-type"], response.content


@on_media_site(config='[grok]\nimage_mode = "url"')
async def test_a_video_is_made_once_whatever_form_is_asked_for(site: Site) -> None:
    """A link is no JSON: a correction would cost another video, in vain."""
    site.simulator.always(video(VIDEO_PATH))
    form = {"response_format": {"type": "json_object"}, "max_tokens": 1, "stop": "["}
    body = {**chat("a film"), "model": "grok-imagine-0.9", **form}
    asked = await site.client.post("/v1/chat/completions", json=body)
    assert LINK.findall(asked.json()["choices"][0]["message"]["content"])
    assert asked.headers["x-grok2api-attempts"] == "1"


@on_media_site(config='[grok]\napi_key = "key"\nimage_mode = "cache"')
async def test_a_cached_video_is_had_whole_in_part_and_by_head_without_a_key(site: Site) -> None:
    """As players ask for it; everything else asks for the key as before."""
    site.simulator.always(video(VIDEO_PATH))
    key = {"authorization": "Bearer key"}
    asked = await site.client.post("/v1/chat/completions", json=chat("a film"), headers=key)
    content = asked.json()["choices"][0]["message"]["content"]
    (url,) = LINK.findall(content)
    assert f'<video src="{url}" controls>{url}</video>' in content
    whole, part, head = (
        await site.client.get(url),
        await site.client.get(url, headers={"range": "bytes=4-7"}),
        await site.client.head(url),
    )
    assert (whole.status_code, whole.content, whole.headers["content-type"]) == (
        200,
        mp4(),
        "video/mp4",
    )
    assert (part.status_code, part.content) == (206, b"ftyp")
    assert part.headers["content-range"] == f"bytes 4-7/{len(mp4())}"
    assert (head.status_code, head.headers["content-length"], head.content) == (
        200,
        str(len(mp4())),
        b"",
    )
    others = ["/models", "/media", "/media/x/y", "/media/../models", "/v1/media/%2e%2e/models"]
    assert [(await site.client.get(path)).status_code for path in others] == [401] * len(others)
    assert (await site.client.get("/media/x.mp4")).json()["error"]["code"] == "unknown_url"
    assert (await site.client.post(url)).status_code == 401


def test_links_survive_a_restart(tmp_path: Path) -> None:
    """The cache is read again at the start, whatever the mode is then."""
    found: list[str] = []

    async def draw(site: Site) -> None:
        site.simulator.always(SEED)
        found.extend(LINK.findall((await site.ask()).json()["choices"][0]["message"]["content"]))

    async def look(site: Site) -> None:
        for url, data in zip(found, (jpeg(), png()), strict=True):
            assert (
                await site.client.get(url.partition("127.0.0.1")[2].partition("/")[2])
            ).content == data

    run_on_media_site(draw, tmp_path, config='[grok]\nimage_mode = "cache"')
    run_on_media_site(look, tmp_path)


@on_media_site(config='[grok]\nimage_mode = "base64"\ncf_clearance = "cleared"')
async def test_the_picture_is_fetched_with_the_token_and_the_way_that_made_it(site: Site) -> None:
    """Other accounts may not see it, and cookies belong to an address."""
    site.server.adopt_tokens(
        (TokenEntry("sso-other"), TokenEntry("sso-own", proxy_url=site.grok_url))
    )
    for sso in ("sso-other", "sso-own"):
        site.simulator.script(sso, SEED)
    for _ in range(2):
        await site.ask()
    made = [(call.sso, call.proxied) for call in site.simulator.calls]
    assert sorted(made) == [("sso-other", False), ("sso-own", True)]
    assert [(call.sso, call.proxied) for call in site.simulator.fetches] == [made[0]] * 2 + [
        made[1]
    ] * 2
    headers = site.simulator.fetches[0].headers
    assert headers["cookie"] == f"sso={made[0][0]}; sso-rw={made[0][0]}; cf_clearance=cleared"
    assert headers["sec-fetch-dest"] == "image"
    assert "Chrome/" in headers["user-agent"]
    assert not {
        "origin",
        "content-type",
        "x-statsig-id",
        "upgrade-insecure-requests",
        "sec-fetch-user",
    } & set(headers)


@pytest.mark.parametrize("streamed", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize("mode", ["cache", "base64"])
def test_a_picture_that_can_t_be_had_keeps_grok_s_address(
    mode: str, *, streamed: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The answer ends as it should, with the other picture as wanted."""

    async def scenario(site: Site) -> None:
        site.simulator.always(SEED)
        site.simulator.asset_scripts[f"/{PICTURE}"] = error(
            404, {"code": 5, "message": "Not Found"}
        )
        response = await site.ask(stream=streamed)
        text = (
            text_of(response.text)
            if streamed
            else response.json()["choices"][0]["message"]["content"]
        )
        first, second = LINK.findall(text)
        assert first == f"{site.grok_url}/{PICTURE}"
        assert await shown(site, mode, second) == ("image/png", png())

    run_on_media_site(scenario, tmp_path, config=f'[grok]\nimage_mode = "{mode}"')
    (record,) = [record for record in caplog.records if record.name == delivery_module.__name__]
    assert "upstream_refused" in record.getMessage()
    assert "sso-" not in record.getMessage()


@pytest.mark.parametrize("streamed", [True, False], ids=["streamed", "whole"])
def test_a_client_that_leaves_ends_the_fetch(*, streamed: bool, tmp_path: Path) -> None:
    """Nothing of it is left, at either side."""

    async def scenario(site: Site) -> None:
        site.simulator.always(SEED)
        for path in (PICTURE, OTHER_PICTURE):
            site.simulator.asset_scripts[f"/{path}"] = Script((Send(jpeg()), HANG))
        async with await site.connect() as stream:
            await stream.send_all(post(chat(stream=streamed)))
            if streamed:
                await read_until(stream, b'"content":" pictures."')
            await site.simulator.until(lambda: len(site.simulator.fetches) == 2)
        await site.simulator.until(
            lambda: all(call.outcome == "aborted" for call in site.simulator.fetches)
        )
        while site.gateway.open_count:
            await trio.testing.wait_all_tasks_blocked(0.001)

    run_on_media_site(scenario, tmp_path, config='[grok]\nimage_mode = "base64"')
    assert not list(tmp_path.rglob("*.jpg"))


@on_media_site(config='[server]\nheartbeat_seconds = 0.05\n[grok]\nimage_mode = "base64"')
async def test_heartbeats_go_out_while_a_picture_is_fetched(site: Site) -> None:
    """On the wire, while the answer's text is there already."""
    site.simulator.always(SEED)
    site.simulator.asset_scripts[f"/{PICTURE}"] = Script((HANG,))
    async with await site.connect() as stream:
        await stream.send_all(post(chat(stream=True)))
        await read_until(stream, b'"content":" pictures."')
        await read_until(stream, KEEP_ALIVE + b"\r\n")
        await read_until(stream, KEEP_ALIVE + b"\r\n")


@on_media_site(config='[grok]\nimage_mode = "cache"')
async def test_links_have_the_address_that_is_configured_or_that_a_trusted_proxy_says(
    site: Site,
) -> None:
    """Taken over with the next answer, like the mode itself."""

    async def links(site: Site, **headers: str) -> list[str]:
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        response = await site.client.post("/v1/chat/completions", json=chat(), headers=told)
        found = LINK.findall(response.json()["choices"][0]["message"]["content"])
        return [url.partition("/media/")[0] for url in found]

    site.simulator.always(SEED)
    config = site.server.state.config
    asked = partial(links, site, x_forwarded_host="me.example.com", x_forwarded_proto="https")
    assert await asked() == [site.url] * 2
    trusting = evolve(config, server=evolve(config.server, trusted_proxies=("127.0.0.0/8",)))
    site.server.adopt_config(trusting)
    assert await asked() == [BASE] * 2
    named = evolve(
        trusting, server=evolve(trusting.server, public_url="https://grok.example.com/x")
    )
    site.server.adopt_config(named)
    assert await asked() == ["https://grok.example.com/x"] * 2
    site.server.adopt_config(evolve(named, grok=evolve(named.grok, image_mode=URL)))
    assert await asked() == [f"{site.grok_url}/{path}" for path in (PICTURE, OTHER_PICTURE)]


NO_CACHE = (
    "Pictures and videos keep Grok's own addresses, which open only with the account signed in at Grok: "
    '[grok] image_mode = "cache" needs {}. If that is meant, set image_mode = "url".'
)


@pytest.mark.parametrize(
    ("folder", "cache_mb", "lacking"),
    [
        (False, 512, "a data directory that can be used"),
        (True, 0, "a [grok] cache_mb above 0"),
        (True, 1, ""),
    ],
    ids=["no folder", "no room", "all well"],
)
def test_without_a_cache_the_mode_is_as_url_and_one_line_at_the_start_says_so(
    folder: bool, cache_mb: int, lacking: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A cache that is given room later is used from then on."""
    caplog.set_level(logging.WARNING)

    async def scenario(site: Site) -> None:
        site.simulator.always(SEED)
        for _ in range(2):
            urls = LINK.findall((await site.ask()).json()["choices"][0]["message"]["content"])
            assert [url.startswith(f"{site.url}/media/") for url in urls] == [not lacking] * 2
        config = site.server.state.config
        site.server.adopt_config(evolve(config, grok=evolve(config.grok, cache_mb=1)))
        urls = LINK.findall((await site.ask()).json()["choices"][0]["message"]["content"])
        assert [url.startswith(f"{site.url}/media/") for url in urls] == [folder] * 2

    run_on_media_site(
        scenario,
        tmp_path if folder else None,
        config=f'[grok]\nimage_mode = "cache"\ncache_mb = {cache_mb}',
    )
    told = [record.getMessage() for record in caplog.records]
    expected = [NO_CACHE.format(lacking)] if lacking else []
    # Logged again when the settings change and the fault is still there.
    assert told == expected * (1 if folder else 2)


@pytest.mark.parametrize("folder", [True, False], ids=["with a data directory", "without"])
@on_media_site(folder=lambda tmp_path, folder: tmp_path if folder else None)
async def test_pictures_can_be_shown_without_any_setting(
    site: Site, tmp_path: Path, *, folder: bool
) -> None:
    """Where there is a place to keep them. Grok's own address stays with each, for when the copy
    has made room.
    """
    site.simulator.always(SEED)
    text = (await site.ask()).json()["choices"][0]["message"]["content"]
    if not folder:
        assert LINK.findall(text) == [
            f"{site.grok_url}/{path}" for path in (PICTURE, OTHER_PICTURE)
        ]
        return
    for (picture, origin), path, data in zip(
        AROUND.findall(text), (PICTURE, OTHER_PICTURE), (jpeg(), png()), strict=True
    ):
        (url,) = LINK.findall(picture)
        assert (await site.client.get(url)).content == data
        assert origin == f"{site.grok_url}/{path}"
        (tmp_path / "media" / url.rpartition("/")[2]).unlink()
        gone = await site.client.get(url)
        assert (gone.status_code, gone.json()["error"]["code"]) == (404, "unknown_url")


@on_media_site(config='[grok]\nimage_mode = "cache"')
async def test_a_smaller_cache_holds_less_from_the_next_picture_on(
    site: Site, tmp_path: Path
) -> None:
    """The setting is taken over while the server runs."""
    site.simulator.always(SEED)
    large = Script((Send(png().ljust(700_000, b"\0")),))
    site.simulator.asset_scripts.update({f"/{path}": large for path in (PICTURE, OTHER_PICTURE)})
    await site.ask()
    assert len(list((tmp_path / "media").iterdir())) == 2
    config = site.server.state.config
    site.server.adopt_config(evolve(config, grok=evolve(config.grok, cache_mb=1)))
    await site.ask()
    assert len(list((tmp_path / "media").iterdir())) == 1
