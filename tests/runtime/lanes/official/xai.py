"""A scripted xAI, and a source of credentials, for the questions beside answers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import trio
from attrs import define, field

from grokcore.errors import (
    CliOutdated,
    GrokApiError,
    OfficialCredentialRejected,
    UpstreamUnavailable,
)
from grokcore.protocol.models import LaneName
from grokcore.runtime.lanes.official.asker import OfficialAsker
from grokcore.runtime.lanes.official.credentials import Credential, CredentialSource
from grokcore.runtime.transport.seam import UpstreamRequest
from grokcore.simulator.scripts import Script, Send, error

from ...fakes import FakeExchange, FakeTransport

BASE_URL = "https://api.example.com/v1"


@define
class Source(CredentialSource):
    """Gives its credentials one after the other, each once that before it is called stale or its
    version outdated; the last one for ever.
    """

    credentials: list[Credential | None]
    staled: list[str] = field(factory=list)
    forgotten: int = 0

    @property
    def current(self) -> Credential | None:
        return self.credentials[0]

    @property
    def fault(self) -> str:
        return "" if self.current else "Run `grok login`."

    async def refresh(self, *, stale: str = "") -> None:
        await trio.lowlevel.checkpoint()
        if stale:
            self.staled.append(stale)
            if len(self.credentials) > 1:
                self.credentials.pop(0)

    def forget_version(self) -> None:
        self.forgotten += 1


def refusal(status: int, headers: Mapping[str, str], body: bytes) -> GrokApiError:
    words = f"xAI refused: {body.decode()}"
    kinds: dict[int, type[GrokApiError]] = {401: OfficialCredentialRejected, 426: CliOutdated}
    return kinds.get(status, UpstreamUnavailable)(words)


def headers(credential: Credential) -> list[tuple[str, str]]:
    return [("Authorization", f"Bearer {credential.secret}"), ("User-Agent", "grok2api/1")]


@define(eq=False)
class XAI(FakeTransport):
    """Plays a script by the path; of several, each once and the last for ever."""

    by_path: dict[str, list[Script]] = field(factory=dict)

    def open(self, request: UpstreamRequest) -> FakeExchange:
        scripts = self.by_path.get(request.url.removeprefix(BASE_URL), [error(404, {})])
        script = scripts.pop(0) if len(scripts) > 1 else scripts[0]
        self.exchanges.append(FakeExchange(request, script))
        return self.exchanges[-1]

    @property
    def asked(self) -> list[str]:
        return [one.request.url.removeprefix(BASE_URL) for one in self.exchanges]

    @property
    def times(self) -> list[float]:
        return [one.opened_at for one in self.exchanges]


def xai(**by_path: Script | Sequence[Script]) -> XAI:
    """One that answers under these paths (``language_models`` for ``/language-models``)."""
    scripts = {
        f"/{name.replace('_', '-')}": [one] if isinstance(one, Script) else list(one)
        for name, one in by_path.items()
    }
    return XAI([], by_path=scripts)


def listing(*names: str, **facts: object) -> Script:
    body = json.dumps({"data": [{"id": name, **facts} for name in names]}).encode()
    return Script((Send(body),))


def asker(
    transport: FakeTransport,
    *credentials: Credential | None,
    lane: LaneName = LaneName.API,
    source: CredentialSource | None = None,
) -> OfficialAsker:
    source = source or Source(list(credentials or (Credential("key-1"),)))
    return OfficialAsker(transport, lane, BASE_URL, source, headers, refusal)
