"""Many clients at once, some of which vanish, while Grok fails now and then: each has the answer to
its own question.
"""

from __future__ import annotations

import json
import random
import re
from collections import Counter

import trio
from attrs import define, field

from grokcore.simulator.app import Call
from grokcore.simulator.scripts import Cut, Script, answer, error, paced
from tests.servers import Site, chat, read_until, run_on_site

from .figures import Figure, Record, sizes, thousands

CLIENTS = 48
MARK = re.compile(r"q\d{7}q")
REPEATS = 6
"""How often an answer has its question's mark."""

CONFIG = "[pool]\nqueue_seconds = 60\nmax_in_flight_per_token = 20\n"


def told(mark: str) -> str:
    """The answer to the question with this mark."""
    return " ".join([mark] * REPEATS)


@define
class Crowd:
    """Clients, each on its connections, with questions that nobody else has.

    :ivar left: how many answers are still wanted.
    """

    site: Site
    left: int
    chance: random.Random = field(factory=lambda: random.Random(1))
    asked: int = 0
    done: Counter[str] = field(factory=Counter)

    def grok(self, call: Call) -> Script:
        """An answer to what was asked, at a pace that mixes them; one in 60 fails at once, one in
        60 breaks off.
        """
        script = paced(
            answer(told(MARK.findall(call.body["message"])[-1])),
            self.chance.choice((0, 0, 0.001, 0.004)),
        )
        match self.chance.randrange(60):
            case 0:
                return error(500, {})
            case 1:
                return Script((*script.steps[: self.chance.randrange(len(script.steps))], Cut()))
            case _:
                return script

    async def client(self) -> None:
        """Ask again and again, over a connection until it has been used for a while."""
        while self.left > 0:
            async with await self.site.connect() as stream:
                for _ in range(self.chance.randrange(1, 12)):
                    if self.chance.random() < 0.1:
                        await self._vanish(stream)
                        break
                    if self.left > 0 and not await self._ask(stream):
                        break

    def _question(self) -> tuple[str, bytes, bool]:
        self.asked += 1
        mark, stream = f"q{self.asked:07}q", self.chance.random() < 0.5
        body = json.dumps(chat(f"Say {mark}", stream=stream)).encode()
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nx-request-id: {mark}\r\n"
        return mark, f"{head}content-length: {len(body)}\r\n\r\n".encode() + body, stream

    async def _vanish(self, stream: trio.SocketStream) -> None:
        """Leave in the middle of an answer."""
        await stream.send_all(self._question()[1])
        await trio.sleep(self.chance.random() * 0.05)
        self.done["vanished"] += 1

    async def _ask(self, stream: trio.SocketStream) -> bool:
        """Whether the answer was whole; it is nobody else's either way."""
        mark, request, streamed = self._question()
        self.left -= 1
        await stream.send_all(request)
        head, body = await _reply(stream)
        assert f"x-request-id: {mark}\r\n" in head, head
        marks = set(MARK.findall(body))
        assert marks <= {mark}, (mark, marks)
        if head.startswith("HTTP/1.1 200") and '"error"' not in body:
            assert _text(body, streamed=streamed) == told(mark)
            self.done["whole"] += 1
            return True
        self.done["failed"] += 1
        return False


async def _reply(stream: trio.SocketStream) -> tuple[str, str]:
    """Head and body of one answer, which tells its length or is chunked."""
    found = await read_until(stream, b"\r\n\r\n")
    head, _, body = found.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
    while (len(body) < int(length[1])) if length else not body.endswith(b"0\r\n\r\n"):
        data = await stream.receive_some(65536)
        assert data, found
        body += data
    return head.decode() + "\r\n", body.decode()


def _text(body: str, *, streamed: bool) -> str:
    if not streamed:
        return str(json.loads(body)["choices"][0]["message"]["content"])
    assert "data: [DONE]" in body
    events = re.findall(r"^data: (\{.*\})\r?$", body, re.MULTILINE)
    return "".join(json.loads(one)["choices"][0]["delta"].get("content") or "" for one in events)


@sizes(60, 6_700)
def test_an_answer_belongs_to_who_asked(count: int, record: Record) -> None:
    """Streamed and whole, over connections that are kept; after retries, and beside clients that
    vanish.
    """
    done: Counter[str] = Counter()

    async def scenario(site: Site) -> None:
        crowd = Crowd(site, count)
        site.simulator.default = crowd.grok
        async with trio.open_nursery() as nursery:
            for _ in range(CLIENTS):
                nursery.start_soon(crowd.client)
        done.update(crowd.done)

    run_on_site(scenario, config=CONFIG, patience_s=170)
    assert done["whole"] + done["failed"] == count
    assert done["whole"] > count * 0.9
    assert done["vanished"]
    result = f"0 somebody else's ({done['failed']} failed as they should, {done['vanished']} clients vanished)"
    record(
        Figure(
            "answers among 48 clients at once",
            thousands(done["whole"]),
            result,
            "0 somebody else's",
        )
    )
