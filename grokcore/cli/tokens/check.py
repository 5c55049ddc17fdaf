"""``tokens check``: ask Grok for each token what it has left. No generation is spent, and nothing is changed."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence

import trio
from attrs import define, field, frozen

from ...config import Config
from ...errors import Challenge, ConfigError, CredentialsRejected, GrokApiError
from ...protocol.models import Model, Tier, find_model
from ...protocol.quota import Quota
from ...protocol.tokens import TokenEntry
from ...runtime.curl import CurlTransport, check_library
from ...runtime.rate_limits import AT_ONCE, QuotaAsker
from ..server import curl_settings, quota_asker
from ..setup import Sources, naming
from .states import duration, quota_in_words

__all__ = ["add_check_flags", "check_tokens"]


@frozen
class _Checked:
    """What came of one token."""

    entry: TokenEntry
    outcome: Quota | GrokApiError

    @property
    def good(self) -> bool:
        """Whether Grok accepted it; a token that is used up is a good one."""
        return isinstance(self.outcome, Quota)

    def __str__(self) -> str:
        if isinstance(self.outcome, Quota):
            wait = "" if self.outcome.left else f", back in {duration(self.outcome.wait_for(1))}"
            return f"{'ok' if self.outcome.left else 'used up'}: {quota_in_words(self.outcome)}{wait}"
        verdict = "refused" if isinstance(self.outcome, CredentialsRejected) else "no answer"
        return f"{verdict} ({self.outcome.code}): {self.outcome.message}"


def add_check_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of ``tokens check``."""
    parser.add_argument("ids", nargs="*", metavar="ID", help="only these (the first digits are enough)")
    parser.add_argument("--model", metavar="NAME", help="the model whose allowance is asked for")


def check_tokens(arguments: argparse.Namespace) -> int:
    """Ask for all tokens, or for those that are named; a line each. Returns 0 if Grok accepted all of them, else 1.

    :raises ConfigError: a file is at fault, or an id or the model is not there.
    """
    sources = Sources(arguments, os.environ)
    settings = sources.read_config()
    with naming(settings.file):
        check_library(curl_settings(settings.config))
    entries = _named(sources.read_tokens(), arguments.ids)
    if not entries:
        print("no tokens yet: `tokens add` asks for one", file=sys.stderr)
        return 0
    model = _model(settings.config, arguments.model)
    checked = trio.run(_check_all, settings.config, entries, model)
    for one in checked:
        print(f"{one.entry.id}  {one}")
    return 0 if all(one.good for one in checked) else 1


def _named(entries: Sequence[TokenEntry], ids: Sequence[str]) -> list[TokenEntry]:
    for wanted in ids:
        if not any(entry.id.startswith(wanted.lower()) for entry in entries):
            raise ConfigError(f"there is no token whose id begins with {wanted[:8]!r}")
    return [entry for entry in entries if not ids or entry.id.startswith(tuple(wanted.lower() for wanted in ids))]


def _model(config: Config, name: str | None) -> Model:
    if name is None:
        return next(model for model in config.models.values() if model.tier is Tier.BASIC)
    try:
        return find_model(config.models, name)
    except GrokApiError as error:
        raise ConfigError(f"--model: {error.message}") from None


async def _check_all(config: Config, entries: Sequence[TokenEntry], model: Model) -> list[_Checked]:
    transport = CurlTransport(curl_settings(config))
    round_ = _Round(quota_asker(config, transport), config.grok.proxy_url, model.rate_limit_name)
    with _progress(len(entries)) as advance:
        async with trio.open_nursery() as nursery:
            await nursery.start(transport.run)
            places = trio.CapacityLimiter(AT_ONCE)

            async def check(entry: TokenEntry) -> None:
                async with places:
                    await round_.ask(entry)
                advance()

            async with trio.open_nursery() as checks:
                for entry in entries:
                    checks.start_soon(check, entry)
            nursery.cancel_scope.cancel()
    return [_Checked(entry, round_.outcomes[entry.key]) for entry in entries]


@define
class _Round:
    """All tokens, once each. Through an egress that met a challenge nobody else is asked: it would only harden it."""

    asker: QuotaAsker
    default_proxy: str
    group: str
    outcomes: dict[str, Quota | GrokApiError] = field(factory=dict)
    _challenged: dict[str, Challenge] = field(factory=dict)

    async def ask(self, entry: TokenEntry) -> None:
        """Ask for one token."""
        proxy = self.default_proxy if entry.proxy_url is None else entry.proxy_url
        proxy = "" if proxy == "direct" else proxy
        try:
            if proxy in self._challenged:
                raise self._challenged[proxy]
            self.outcomes[entry.key] = await self.asker.ask(entry.sso, proxy, self.group)
        except Challenge as error:
            self.outcomes[entry.key] = self._challenged[proxy] = error
        except GrokApiError as error:
            self.outcomes[entry.key] = error


@contextlib.contextmanager
def _progress(total: int) -> Iterator[Callable[[], None]]:
    """A bar on stderr, if that is a terminal; what is given is to be called after each token."""
    # Late: a server has no use for it.
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(file=sys.stderr)
    columns = (TextColumn("asking Grok"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=total)
        yield lambda: progress.advance(task)
