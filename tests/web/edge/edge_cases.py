"""Requests and settings for the tests of the HTTP edge."""

from __future__ import annotations

import threading
from pathlib import Path

import trio
import trio.testing
from attrs import asdict, define

from grokcore.simulator.limits import UNLIMITED
from grokcore.simulator.scripts import error
from tests.servers import TOKENS, Site
from tests.wire import happens, until

SMALL = "[server]\nmax_body_mb = 0.5"
BIG = b'{"model": "' + b"x" * 8_000_000 + b'"}'
KEYED = '[grok]\napi_key = "correct horse"'


def keep_no_connection_of_asks(site: Site) -> None:
    """Have Grok close the connections of allowance polls, which run beside the chats, at once."""
    told = error(200, UNLIMITED, (("connection", "close"),))
    for entry in TOKENS:
        site.simulator.script_asks(entry.sso, told)


@define
class Holdings:
    """What a process holds because of its clients."""

    tasks: int
    threads: int
    descriptors: int
    leases: int
    completions: int

    @classmethod
    def of(cls, site: Site) -> Holdings:
        return cls(
            trio.lowlevel.current_statistics().tasks_living,
            threading.active_count(),
            len(list(Path("/proc/self/fd").iterdir())),
            site.leased(),
            site.gateway.open_count,
        )

    async def must_be_restored(self, site: Site) -> None:
        """Fail if there is more of anything than this for long. (There may be less: trio's idle
        threads end after a while, and so do connections that were being closed.)
        """
        await happens(lambda: until(lambda: not self.exceeded(site)))
        assert not self.exceeded(site)

    def exceeded(self, site: Site) -> dict[str, int]:
        """What there is more of now, by name, and how much more."""
        now, then = asdict(Holdings.of(site)), asdict(self)
        return {name: now[name] - then[name] for name in now if now[name] > then[name]}
