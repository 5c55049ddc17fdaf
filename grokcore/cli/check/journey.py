"""All examinations on the network, from the name server to Grok, as far as they get."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

import trio
from attrs import frozen

from ...config import Config
from ...protocol.tokens import TokenEntry
from ...protocol.urls.public_addresses import is_address
from ...runtime.attachments.lookups import Lookups
from ...runtime.gather import for_all
from ...runtime.transport.curl import CurlTransport, browser_shown
from ...simulator.serve import serve_simulator
from ..assembly import curl_settings, identity_of, with_simulator
from ..progress import progress
from .accounts import ways_of
from .findings import Finding, OnFinding, Status, ok, skipped
from .looks import Look, Visitor, look_up
from .network import (
    Way,
    hosts_of,
    judge_assets,
    judge_clock,
    judge_egress,
    judge_names,
    judge_tls,
)
from .official_looks import examine_lanes
from .token_rounds import Candidate, TokenRounds

__all__ = ["travel"]

AT_ONCE = 8
"""Examinations under way at once."""

MANY_WAYS = 8
"""With more working egresses than these, one line reports all of them."""


async def travel(
    config: Config, tokens: tuple[TokenEntry, ...] | None, report: OnFinding, *, demo: bool
) -> list[Candidate]:
    """Examine everything on the network; return the tokens whose egresses reach Grok, by lane.

    :param tokens: None if the file can't be used.
    :param demo: with a simulated Grok, which runs as long as this does.
    """
    async with trio.open_nursery() as nursery:
        if demo:
            config = with_simulator(config, await nursery.start(serve_simulator))
        transport = CurlTransport(curl_settings(config))
        await nursery.start(transport.run)
        candidates = await _Journey(config, transport, report, demo).go(tokens)
        nursery.cancel_scope.cancel()
    return candidates


@frozen
class _Journey:
    """All requests to other machines, from the name server to Grok."""

    config: Config
    transport: CurlTransport
    report: OnFinding
    demo: bool

    async def go(self, tokens: tuple[TokenEntry, ...] | None) -> list[Candidate]:
        """Make all requests that are possible. (*tokens* and the result as for :func:`travel`.)"""
        enabled = [entry for entry in tokens or () if not entry.disabled]
        ways = ways_of(enabled, self.config.grok.proxy_url)
        addresses = await self._names(ways)
        named = [way for way in ways if not isinstance(addresses[self._hosts(way)[0]], str)]
        visitor = self._visitor()
        looks = await _with_bar(
            "trying the egresses", named, lambda way: visitor.trace(way.proxy_url)
        )
        open_ways = self._report_ways(ways, dict(zip(named, looks, strict=True)))
        self._report_tls_and_clock(list(zip(named, looks, strict=True)))
        candidates = await self._accounts(tokens, ways, open_ways)
        if not self.demo:
            await examine_lanes(self.config, self.report)
        await self._assets(
            [way for way in open_ways if not isinstance(addresses[self._hosts(way)[-1]], str)]
        )
        return candidates

    def _hosts(self, way: Way) -> list[str]:
        return hosts_of(way, self.config.grok.base_url, self.config.grok.assets_url)

    def _visitor(self) -> Visitor:
        grok = self.config.grok
        return Visitor(self.transport, grok.base_url, grok.assets_url, identity_of(self.config))

    async def _names(self, ways: Iterable[Way]) -> Mapping[str, Sequence[str] | str]:
        hosts = list(dict.fromkeys(host for way in ways for host in self._hosts(way)))
        lookups = Lookups()

        async def addresses(host: str) -> Sequence[str] | str:
            return (host,) if is_address(host) else await look_up(host, lookups)

        results = dict(zip(hosts, await for_all(hosts, addresses, at_once=AT_ONCE), strict=True))
        for finding in judge_names(results):
            self.report(finding)
        return results

    def _report_ways(self, ways: Iterable[Way], looks: Mapping[Way, Look]) -> list[Way]:
        """Report each egress; returns those that lead to Grok."""
        leads: list[Way] = []
        good: list[Finding] = []
        amiss: list[Finding] = []
        for way in ways:
            look = looks.get(way)
            finding = (
                judge_egress(way, look)
                if look
                else skipped("egress", f"{way.words}: its name was not found")
            )
            leads.extend([way] if finding.status in (Status.OK, Status.WARN) else [])
            (good if finding.status is Status.OK else amiss).append(finding)
        if len(good) > MANY_WAYS:
            good = [ok("egress", f"{len(good)} egresses reach Grok")]
        for finding in good + amiss:
            self.report(finding)
        return leads

    def _report_tls_and_clock(self, looks: Sequence[tuple[Way, Look]]) -> None:
        grok = self.config.grok
        self.report(
            judge_tls(grok.base_url, browser_shown(curl_settings(self.config)), grok.ca_file, looks)
        )
        dated = next((look for _, look in looks if "date" in look.headers), Look())
        self.report(judge_clock(dated.headers.get("date", ""), dated.at))

    async def _accounts(
        self,
        tokens: tuple[TokenEntry, ...] | None,
        ways: Mapping[Way, Sequence[TokenEntry]],
        open_ways: Sequence[Way],
    ) -> list[Candidate]:
        if tokens is None or not any(ways.values()):
            why = (
                "there is no enabled token"
                if tokens is not None
                else "needs a token file that can be used"
            )
            self.report(skipped("tokens", why))
            return []
        rounds = TokenRounds(self.config, self.transport, self.report, self.demo)
        candidates = await rounds.go({way: ways[way] for way in open_ways})
        left = sum(len(ways[way]) for way in ways if way not in open_ways)
        if left:
            self.report(
                skipped("tokens", f"{left} not checked, since their egress does not reach Grok")
            )
        return candidates

    async def _assets(self, ways: Sequence[Way]) -> None:
        if not ways:
            self.report(skipped("assets", "no egress reaches Grok"))
            return
        visitor, url = self._visitor(), self.config.grok.assets_url
        looks = await _with_bar(
            "trying the assets host", ways, lambda way: visitor.assets(way.proxy_url)
        )
        findings = [judge_assets(url, way, look) for way, look in zip(ways, looks, strict=True)]
        amiss = [finding for finding in findings if finding.status is not Status.OK]
        for finding in amiss or findings[:1]:
            self.report(finding)


async def _with_bar(
    label: str, ways: Sequence[Way], look: Callable[[Way], Awaitable[Look]]
) -> list[Look]:
    """The results of *look* for each egress, a few at a time."""
    with progress(label, len(ways)) as advance:

        async def one(way: Way) -> Look:
            found = await look(way)
            advance()
            return found

        return await for_all(ways, one, at_once=AT_ONCE)
