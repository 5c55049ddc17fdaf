"""Exercises in calling tools, put to Grok for ``check --tools``.

Rules
-----
1. Each account answers one exercise after another. One that has used up its allowance leaves the
   rest to the others.
2. An answer whose calls can't be used is corrected once, as the server does it.
3. A refusal that concerns an egress ends everything: more questions would harden it.
4. A form is reported as soon as its exercises are over, and also if the owner interrupts them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence

import trio
from attrs import evolve, field, frozen

from ...config import Config
from ...errors import Blame, GrokApiError, QuotaExhausted
from ...protocol.conversation.messages import Message
from ...protocol.conversation.question import Question, Repair
from ...protocol.emulation.evaluation import Attempted, judge
from ...protocol.emulation.exercises import Exercise, first_of
from ...protocol.emulation.tools_text import ToolTexts
from ...runtime.completion.alarm import AlarmClock
from ...runtime.gather import for_all
from ...runtime.lanes.grok_socket.by_model import GrokComLanes
from ...runtime.transport.curl import CurlTransport
from ..assembly import lane_settings
from .answers import Asked, Plan
from .asking import connected, lanes_of
from .findings import OnFinding
from .one_question import ask, limits_of
from .tools_report import FORMS, Results, finding_on, verdict

__all__ = ["Canary", "put_exercises"]

AT_ONCE = 4
"""Accounts that are asked at the same time."""

MOST_KEPT_CHARS = 1024 * 1024


@frozen
class Canary:
    """The exercises to be put.

    :ivar plans: of the accounts that answer, all with one lane and model.
    :ivar number: of exercises in each form.
    """

    plans: tuple[Plan, ...]
    forms: tuple[str, ...]
    number: int

    @property
    def exercises(self) -> tuple[Exercise, ...]:
        """In the order in which they are put."""
        return first_of(self.number)


async def put_exercises(config: Config, canary: Canary, report: OnFinding, *, demo: bool) -> None:
    """Put the exercises, and report on each form and on all.

    :param demo: to a simulated Grok, which runs as long as this does.
    """
    results = {form: Results(form, len(canary.exercises)) for form in canary.forms}
    course = _Course(canary, results, report)
    try:
        await connected(config, course.run, demo=demo)
    finally:
        for one in results.values():
            if not one.over:
                report(finding_on(one))
        report(verdict(list(results.values()), config.grok.tool_form))


@frozen
class _Course:
    """The course of one run."""

    canary: Canary
    results: Mapping[str, Results]
    report: OnFinding
    _left: deque[tuple[str, Exercise]] = field(factory=deque)

    async def run(self, config: Config, transport: CurlTransport, alarm: AlarmClock) -> None:
        """Put all exercises, form by form."""
        lanes = {form: _lanes_for(config, transport, form) for form in self.canary.forms}
        jobs = [(form, one) for form in self.canary.forms for one in self.canary.exercises]
        self._left.extend(jobs)

        async def serve(plan: Plan) -> None:
            await self._serve(_Account(plan, lanes, alarm, config.grok.proxy_url))

        await for_all(self.canary.plans, serve, at_once=AT_ONCE)

    async def _serve(self, account: _Account) -> None:
        """Put exercises to one account, until none is left or it may answer no more."""
        while self._left:
            form, exercise = self._left.popleft()
            results = self.results[form]
            try:
                attempted = await account.attempt(form, exercise)
            except QuotaExhausted as error:
                self._left.appendleft((form, exercise))
                results.errors[:] = [error]
                return
            except GrokApiError as error:
                results.errors.append(error)
                if error.blame is Blame.EGRESS:
                    self._left.clear()
            else:
                results.scores.append((exercise.kind, judge(exercise, attempted)))
            if results.over:
                self.report(finding_on(results))


def _lanes_for(config: Config, transport: CurlTransport, form: str) -> GrokComLanes:
    texts = ToolTexts(config.grok.tool_text_chars, FORMS[form])
    return lanes_of(config, transport, evolve(lane_settings(config), tool_texts=texts))


@frozen
class _Account:
    """An account that answers exercises."""

    plan: Plan
    lanes: Mapping[str, GrokComLanes]
    alarm: AlarmClock
    proxy: str

    async def attempt(self, form: str, exercise: Exercise) -> Attempted:
        """The answer to *exercise*, after a correction if it needs one.

        :raises GrokApiError: if there is none.
        """
        model = self.plan.model
        words = (Message("user", exercise.asked),)
        question = Question(model, limits_of(model), words, toolbox=exercise.toolbox)
        asked = [await self._put(form, question)]
        unusable = asked[0].unusable
        if unusable is not None:
            repair = Repair(unusable.said, unusable.faults)
            asked.append(await self._put(form, evolve(question, repair=repair)))
        return _attempted(asked)

    async def _put(self, form: str, question: Question) -> Asked:
        asked = Asked(
            self.plan,
            sent_at=trio.current_time(),
            most_kept=MOST_KEPT_CHARS,
            secrets=(self.plan.entry.sso,),
        )
        await ask(question, asked, self.lanes[form], self.alarm, self.proxy)
        return asked


def _attempted(asked: Sequence[Asked]) -> Attempted:
    """The course of one exercise: an answer, and perhaps a correction."""
    return Attempted(
        "".join(one.begin for one in asked),
        tuple(call for one in asked for call in one.calls),
        any(one.went_on for one in asked),
        len(asked),
        asked[-1].unusable is None,
    )
