"""Real questions to Grok, for ``check --ask``: one for each token and lane.

Rules
-----
1. A few are under way at once. After a refusal that concerns an egress, the lane is not asked
   through it again.
2. Each is reported as soon as it is over, also if the owner interrupts it.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence

import trio
from attrs import field, frozen

from ...config import Config
from ...errors import Blame, GrokApiError
from ...protocol.models import WebLane
from ...runtime.completion.alarm import AlarmClock
from ...runtime.gather import for_all
from ...runtime.lanes.grok_socket.by_model import GrokComLanes
from ...runtime.lanes.grok_socket.lane import GrokSocketLane
from ...runtime.lanes.grok_socket.users import Users
from ...runtime.lanes.grok_web.lane import GrokWebLane
from ...runtime.lanes.grok_web.settings import GrokWebSettings
from ...runtime.transport.curl import CurlTransport
from ...simulator.serve import serve_simulator
from ..assembly import curl_settings, lane_settings, with_simulator
from ..tokens.quota_check import way_of
from .accounts import in_few_words, name_of
from .answers import Asked, Plan, judge_answer
from .findings import OnFinding, skipped
from .lanes_in_use import LANE_WORDS, cheapest_model
from .one_question import ask, hello
from .token_rounds import Candidate

__all__ = ["connected", "lanes_of", "plans_of", "put_questions"]

AT_ONCE = 4
"""Questions under way at once."""


def plans_of(config: Config, candidates: Sequence[Candidate]) -> list[Plan]:
    """The questions that *candidates* may be asked. Tokens of different egresses take turns, so
    that the first ones show as much as possible.
    """
    turns: dict[tuple[WebLane, str], int] = {}
    ordered: list[tuple[int, Plan]] = []
    for candidate in candidates:
        entry, lane = candidate.entry, candidate.lane
        model = cheapest_model(config, lane, entry.tier)
        if model is None or candidate.why_not:
            continue
        key = lane, way_of(entry, config.grok.proxy_url)
        turns[key] = turns.get(key, 0) + 1
        ordered.append((turns[key], Plan(entry, lane, model)))
    return [plan for _, plan in sorted(ordered, key=lambda turn: turn[0])]


async def put_questions(
    config: Config, plans: Sequence[Plan], report: OnFinding, *, demo: bool
) -> None:
    """Put the questions, and report each answer.

    :param demo: to a simulated Grok, which runs as long as this does.
    """

    async def put_all(reached: Config, transport: CurlTransport, alarm: AlarmClock) -> None:
        lanes = lanes_of(reached, transport, lane_settings(reached))
        questions = _Questions(reached, lanes, alarm, report)
        await for_all(plans, questions.put, at_once=AT_ONCE)

    await connected(config, put_all, demo=demo)


async def connected(
    config: Config,
    work: Callable[[Config, CurlTransport, AlarmClock], Awaitable[None]],
    *,
    demo: bool,
) -> None:
    """Await *work* with a configuration that reaches Grok, a transport and an alarm clock, which
    run as long as it does.

    :param demo: with a simulated Grok.
    """
    async with trio.open_nursery() as nursery:
        if demo:
            config = with_simulator(config, await nursery.start(serve_simulator))
        transport, alarm = CurlTransport(curl_settings(config)), AlarmClock()
        await nursery.start(transport.run)
        await nursery.start(alarm.run)
        await work(config, transport, alarm)
        nursery.cancel_scope.cancel()


def lanes_of(config: Config, transport: CurlTransport, settings: GrokWebSettings) -> GrokComLanes:
    """Both lanes, as the server has them."""
    rest = GrokWebLane(transport, settings)
    path = config.grok.socket_path
    return GrokComLanes(rest, GrokSocketLane(rest, transport, Users(transport), time.time, path))


@frozen
class _Questions:
    """The questions of one run."""

    config: Config
    lanes: GrokComLanes
    alarm: AlarmClock
    report: OnFinding
    _refused: dict[tuple[WebLane, str], GrokApiError] = field(factory=dict, repr=False)

    async def put(self, plan: Plan) -> None:
        """Put one question, unless its egress has been refused, and report its course."""
        default_proxy = self.config.grok.proxy_url
        key = plan.lane, way_of(plan.entry, default_proxy)
        if key in self._refused:
            words = f"{LANE_WORDS[plan.lane]}: not asked, since {in_few_words(self._refused[key])}"
            self.report(skipped(name_of(plan.entry), words))
            return
        asked = Asked(plan, sent_at=trio.current_time(), secrets=(plan.entry.sso,))
        try:
            await ask(hello(plan.model), asked, self.lanes, self.alarm, default_proxy)
        except GrokApiError as error:
            asked.error = error
            if error.blame is Blame.EGRESS:
                self._refused[key] = error
        finally:
            asked.seconds = trio.current_time() - asked.sent_at
            self.report(judge_answer(asked))
