"""Requests for pictures and videos that Grok made (grok-protocol.md §1.6).

Theory
------
Assets belong to the account that had them made, and are given to nobody else: the request carries
the session's cookies. Grok's stream names the address, mostly as a path. An absolute URL may lead
to another host, so it is judged before any cookie goes along.

Rules
-----
1. Only the configured ``assets_url`` and Grok's known hosts are asked. Cookies go to the former and
   to Grok's own assets host, and never over plain HTTP unless ``assets_url`` says so.
2. The URL of the request is put together anew from the parts that were judged, so that no later
   reader takes it for another one.
3. A path stays below ``assets_url``.
4. No message quotes the URL: it holds the account's id.
"""

from __future__ import annotations

import re
from typing import Literal, TypeAlias
from urllib.parse import unquote, urlsplit

from attrs import frozen

from ..urls.public_addresses import UserUrl, split_user_url
from .identity import ORIGIN, Identity

__all__ = ["AssetKind", "AssetPlace", "asset_headers", "asset_place", "whole_address"]

AssetKind: TypeAlias = Literal["image", "video"]
"""The element of a page that would show it; other files are requested as images."""

OWN_HOST = "assets.grok.com"

PUBLIC_HOSTS = frozenset({"imagine-public.x.ai", "imgen.x.ai"})
"""Hosts that need no cookies."""

_HAS_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


@frozen
class AssetPlace:
    """Where an asset is.

    :ivar own: whether the session's cookies go along.
    """

    url: str
    own: bool


def asset_place(url: str, assets_url: str) -> AssetPlace:
    """Where to fetch what Grok calls *url*.

    :param url: as Grok sent it: a path below *assets_url*, or absolute.
    :param assets_url: as configured, without a slash at its end.
    :raises ValueError: it leads nowhere that is asked. The message says why, as in "it …", and does
        not quote it.
    """
    netloc = urlsplit(assets_url).netloc.lower()
    base = split_user_url(f"{assets_url}/", {netloc})
    whole = url if _HAS_SCHEME.match(url) else f"{assets_url}/{url.lstrip('/')}"
    found = split_user_url(whole.replace(" ", "%20"), {netloc})
    if {".", ".."} & set(unquote(found.target.partition("?")[0]).split("/")):
        raise ValueError("it has dots for a part of its path")
    if _origin(found) in (_origin(base), ("https", OWN_HOST, 443)):
        return AssetPlace(found.url, own=True)
    if (found.scheme, found.port) == ("https", 443) and found.host in PUBLIC_HOSTS:
        return AssetPlace(found.url, own=False)
    raise ValueError("it is on none of the hosts that Grok is known to keep its assets on")


def whole_address(url: str, assets_url: str) -> str:
    """The absolute address of what Grok calls *url*, for a reader of the answer; it need not be one
    that is fetched.

    :param url: and *assets_url*: as for :func:`asset_place`. A ``data:`` URL stays as it is.
    """
    if url.startswith("data:"):
        return url
    try:
        return asset_place(url, assets_url).url
    except ValueError:
        return url if url.startswith(("https://", "http://")) else f"{assets_url}/{url.lstrip('/')}"


def asset_headers(identity: Identity, kind: AssetKind, *, sso: str) -> list[tuple[str, str]]:
    """Headers as of a page that shows the asset. An empty value takes a header of the impersonated
    browser out.

    :param sso: the session token; empty for a host that cookies are not meant for.
    """
    headers = [
        ("Accept", "image/*,video/*,*/*;q=0.8"),
        ("Referer", f"{ORIGIN}/"),
        ("Sec-Fetch-Dest", kind),
        ("Sec-Fetch-Mode", "no-cors"),
        ("Sec-Fetch-Site", "same-site" if sso else "cross-site"),
        # The impersonated browser's headers are those of a visit to a page; this is a part of one.
        ("Sec-Fetch-User", ""),
        ("Upgrade-Insecure-Requests", ""),
        ("Priority", "i"),
    ]
    if sso:
        clearance = f"; cf_clearance={identity.cf_clearance}" if identity.cf_clearance else ""
        headers.append(("Cookie", f"sso={sso}; sso-rw={sso}{clearance}"))
    if identity.user_agent:
        # Client hints of another browser than the User-Agent's would contradict it.
        headers.append(("User-Agent", identity.user_agent))
        headers += [("sec-ch-ua", ""), ("sec-ch-ua-mobile", ""), ("sec-ch-ua-platform", "")]
    return headers


def _origin(place: UserUrl) -> tuple[str, str, int]:
    return place.scheme, place.host, place.port
