"""The routes of the status page on real sockets: its files, and access."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

import grokcore
from grokcore.web import dashboard
from tests.servers import Site, on_site
from tests.web.dashboard.status_routes import (
    ACTS,
    ID,
    KEYS,
    bearer,
)

OWNERS = ("owner-key", "second-key")


PATHS = {
    "/": "html",
    **{
        f"/status/{name}": name.partition(".")[2]
        for name in dashboard.FILES
        if name != "index.html"
    },
}


POLICY = {
    *(
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self' data:",
    ),
    *("base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"),
    *("require-trusted-types-for 'script'", "trusted-types 'none'"),
}


@on_site(config=KEYS)
async def test_the_page_is_served_without_a_key_and_may_load_nothing_but_itself(site: Site) -> None:
    """Every file of it, with its type and a strict policy; by address with and without /v1."""
    for path, kind in PATHS.items():
        reply = await site.client.get(path)
        assert reply.status_code == 200
        assert reply.headers["content-type"] == dashboard.MEDIA_TYPES[kind]
        assert set(reply.headers["content-security-policy"].split("; ")) == POLICY
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["referrer-policy"] == "no-referrer"
        assert reply.headers["cache-control"] == "no-cache"
        assert (await site.client.get(f"/v1{path}")).content == reply.content


@on_site
async def test_the_page_comes_again_only_if_it_is_another(site: Site) -> None:
    """A tag, and 304 for who has it; HEAD has no body."""
    first = await site.client.get("/")
    tag = first.headers["etag"]
    for told in (tag, f"W/{tag}", f'"other", {tag}'):
        again = await site.client.get("/", headers={"if-none-match": told})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert (await site.client.get("/", headers={"if-none-match": '"other"'})).status_code == 200
    assert (await site.client.get("/status/page.css")).headers["etag"] != tag
    head = await site.client.head("/")
    assert (head.status_code, head.content) == (200, b"")
    assert int(head.headers["content-length"]) == len(first.content)


def test_every_file_of_the_page_is_served_and_is_in_the_package() -> None:
    """A file that is forgotten in either list would be missed only where the server is
    installed.
    """
    folder = Path(grokcore.__file__).parent / "web" / "dashboard" / "page"
    assert sorted(path.name for path in folder.iterdir()) == sorted(dashboard.FILES)
    project = tomllib.loads((folder.parents[3] / "pyproject.toml").read_text(encoding="utf-8"))
    assert "page/*" in project["tool"]["setuptools"]["package-data"]["grokcore.web.dashboard"]


@pytest.mark.parametrize("name", dashboard.FILES)
def test_nothing_in_the_page_is_from_elsewhere_or_makes_markup_of_text(name: str) -> None:
    """No address but that of SVG's namespace, and none of the ways in which data could become
    elements or code.
    """
    text = (Path(grokcore.__file__).parent / "web" / "dashboard" / "page" / name).read_text(
        encoding="utf-8"
    )
    assert text.count("://") == text.count("http://www.w3.org/2000/svg")
    for way in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "Function(",
        "style=",
        "onclick=",
    ):
        assert way not in text
    if name.endswith(".js"):
        assert len(text.splitlines()) <= 400


@frozen
class Route:
    """A route that shows or changes something."""

    method: str
    path: str


ROUTES = [
    Route("GET", "/status"),
    Route("POST", "/status/ticket"),
    Route("GET", "/status/events"),
    *(Route("POST", f"/status/tokens/{ID}/{act}") for act in ACTS),
]


@pytest.mark.parametrize(
    "route", ROUTES, ids=lambda route: f"{route.method} {route.path.removeprefix('/status')}"
)
@on_site(config=KEYS)
async def test_only_an_owners_key_opens_the_state(site: Site, route: Route) -> None:
    """401 without one or with a wrong one, 403 with a guest's, and nothing is done; owners' keys
    do.
    """

    async def answered(key: str = "", **options: Any) -> tuple[int, str]:
        headers = bearer(key) if key else {}
        async with site.client.stream(
            route.method, route.path, headers=headers, **options
        ) as reply:
            if reply.status_code == 200:
                return 200, ""
            await reply.aread()
            return reply.status_code, reply.json()["error"]["code"]

    assert await answered() == (401, "invalid_api_key")
    assert await answered("wrong") == (401, "invalid_api_key")
    assert await answered("guest-key") == (403, "permission_denied")
    assert await answered(params={"ticket": "x"}) == (401, "invalid_api_key")
    view = site.server.pool.view(ID)
    assert not view.switched_off
    for key in OWNERS:
        assert await answered(key) == (200, "")


@on_site
async def test_other_methods_and_unknown_acts_are_refused(site: Site) -> None:
    """405 and 404, as everywhere."""
    for method, path, code in (
        ("POST", "/", 405),
        ("POST", "/status", 405),
        ("GET", "/status/ticket", 405),
        ("GET", f"/status/tokens/{ID}/disable", 405),
        ("POST", f"/status/tokens/{ID}/delete", 404),
        ("GET", "/status/page.html", 404),
        ("GET", "/status/../pyproject.toml", 404),
    ):
        assert (await site.client.request(method, path)).status_code == code


@on_site
async def test_a_page_of_another_origin_can_do_nothing(site: Site) -> None:
    """Without a key, too, though it can send such a POST."""
    reply = await site.client.post(
        f"/status/tokens/{ID}/disable", headers={"origin": "https://evil.example"}
    )
    assert (reply.status_code, reply.json()["error"]["code"]) == (403, "origin_not_allowed")
    assert not site.server.pool.view(ID).switched_off
    reply = await site.client.post(f"/status/tokens/{ID}/disable", headers={"origin": site.url})
    assert reply.status_code == 200
