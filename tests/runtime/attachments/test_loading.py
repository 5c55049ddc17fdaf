"""What goes up with a question: how long history may take. On a faked clock."""

from __future__ import annotations

import trio
from attrs import define

from grokcore.protocol.conversation.attachment_part import AttachmentPart
from grokcore.protocol.conversation.enclosures import Enclosed, Enclosure, Use
from grokcore.runtime.attachments.fetch import FETCH_S, Fetcher
from grokcore.runtime.attachments.loading import HISTORY_FETCH_S, load_enclosures
from tests.scenarios import run_on_fake_clock

from ..fakes import FakeTransport

PNG = b"\x89PNG\r\n\x1a\n"


@define
class HungHosts(Fetcher):
    """Hosts that never answer, but for one that does."""

    async def fetch(self, url: str, *, most: int) -> bytes:
        if "answers" not in url:
            await trio.sleep(FETCH_S)
        return PNG


def brought(*urls: str, use: Use) -> tuple[Enclosed, float]:
    """What goes up of pictures at *urls*, and how many seconds that took."""
    found: list[tuple[Enclosed, float]] = []

    async def scenario() -> None:
        parts = [AttachmentPart(True, url, "", f"messages[{n}]") for n, url in enumerate(urls)]
        fetcher = HungHosts(FakeTransport([]), frozenset())
        began = trio.current_time()
        result = await load_enclosures([Enclosure(part, use) for part in parts], fetcher, earlier=4)
        found.append((result, trio.current_time() - began))

    run_on_fake_clock(scenario)
    return found[0]


def test_hosts_that_have_gone_hold_a_conversation_up_once_and_not_one_by_one() -> None:
    """Twenty pictures of earlier turns at hung hosts take as long as one; what answered meanwhile
    goes up.
    """
    hung = [f"https://h{number}.example.com/" for number in range(20)]
    for use in (Use.WANTED, Use.EARLIER):
        result, took = brought(*hung[:16], "https://answers.example.com/", *hung[16:19], use=use)
        assert took <= HISTORY_FETCH_S
        assert result.paths == {"messages[16]"}
        assert result.spare == {"messages[16]"}
