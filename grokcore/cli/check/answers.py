"""Judgements of the questions of ``check --ask``: one for each token and lane. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from attrs import define, field, frozen

from ...errors import Blame, GrokApiError, QuotaExhausted
from ...protocol.advice import advice
from ...protocol.conversation.events import ToolCall, Unusable
from ...protocol.counters import Counters
from ...protocol.models import Model, WebLane
from ...protocol.tokens import TokenEntry
from ...protocol.upstream_words import cleaned
from ...runtime.completion.drift import shown_keys
from .account_judgements import FROM_YOUR_BROWSER
from .accounts import groks_words, name_of
from .findings import Finding, Status, fail, ok, skipped, warn
from .lanes_in_use import LANE_WORDS

__all__ = ["Asked", "Plan", "judge_answer", "price_of"]

MOST_KEPT_CHARS = 4000
"""Characters of an answer that are kept: a secret in its beginning is found whole."""

EXCERPT_CHARS = 40
"""Characters of an answer that are shown."""

REPORT_IT = (
    "The answer came all the same, but Grok has changed: see whether there is an update. "
    "docs/drift.md says how to record and report it."
)


@frozen
class Plan:
    """A question to be put."""

    entry: TokenEntry
    lane: WebLane
    model: Model

    @property
    def words(self) -> str:
        """The lane and the model, for messages."""
        mode = self.model.socket_mode
        return f"{LANE_WORDS[self.lane]}, {self.model.name}" + (f" (mode {mode})" if mode else "")


@define
class Asked:
    """A question and its course so far. Times are seconds since it was sent.

    :ivar sent_at: trio's time when it was sent.
    :ivar most_kept: characters of the answer's text that are kept.
    :ivar begin: the beginning of the answer's text.
    :ivar calls: of the client's tools.
    :ivar unusable: the last event of an answer whose calls can't be used.
    :ivar went_on: whether text followed a call.
    :ivar first_s: time of the first word; None before.
    :ivar last_s: time of the end of a whole answer; None if it is not whole.
    :ivar seconds: time until it was over.
    :ivar secrets: values that no message may quote.
    """

    plan: Plan
    sent_at: float = 0.0
    most_kept: int = MOST_KEPT_CHARS
    begin: str = field(default="", repr=False)
    calls: list[ToolCall] = field(factory=list, repr=False)
    unusable: Unusable | None = None
    went_on: bool = False
    first_s: float | None = None
    last_s: float | None = None
    seconds: float = 0.0
    answered_by: str = ""
    counters: Counters = field(factory=Counters)
    error: GrokApiError | None = None
    secrets: tuple[str, ...] = field(default=(), repr=False)


def price_of(plans: Sequence[Plan], left_out: int) -> str:
    """The cost of *plans* in words: how many questions, of which accounts.

    :param left_out: questions that are not asked, since there are too many.
    """
    noun = "1 question" if len(plans) == 1 else f"{len(plans)} questions"
    lines = [f"This asks Grok {noun}, which count against your own allowance:"]
    for words in dict.fromkeys(plan.words for plan in plans):
        ids = ", ".join(_with_note(plan.entry) for plan in plans if plan.words == words)
        lines.append(f"  {words}: {ids}")
    if left_out:
        lines.append(f"  ({left_out} more are not asked; --most N asks up to N)")
    return "\n".join(lines)


def _with_note(entry: TokenEntry) -> str:
    return f"{entry.id} ({entry.note})" if entry.note else entry.id


def judge_answer(asked: Asked) -> Finding:
    """The finding on a question."""
    name, plan = name_of(asked.plan.entry), asked.plan
    course = f"{plan.words}: {_without(asked.secrets, _course(asked))}"
    if asked.error is not None:
        judge = warn if isinstance(asked.error, QuotaExhausted) else fail
        return judge(name, course, _advice(asked.error, plan.lane))
    if asked.last_s is None:
        return skipped(name, course)
    if _not_understood(asked.counters):
        return Finding(name, Status.WARN, course, REPORT_IT)
    return ok(name, course)


def _course(asked: Asked) -> str:
    parts = [_outcome(asked)]
    if asked.answered_by:
        parts.append(f"Grok names the model {cleaned(asked.answered_by)}")
    if asked.begin and asked.error is None:
        parts.append(f'"{_excerpt(asked)}"')
    missed = ", ".join(_not_understood(asked.counters))
    if missed:
        parts.append(f"not understood: {missed}")
    elif asked.last_s is not None:
        parts.append("everything was understood")
    return "; ".join(parts)


def _outcome(asked: Asked) -> str:
    first = f", first word after {asked.first_s:.1f} s" if asked.first_s is not None else ""
    if asked.last_s is not None:
        return f"answered in {asked.last_s:.1f} s{first}"
    if asked.error is None:
        return f"interrupted after {asked.seconds:.1f} s{first}"
    verb = "refused" if asked.first_s is None else "broke off"
    said = groks_words(asked.error).removesuffix(".")
    return f"{verb} after {asked.seconds:.1f} s{first} ({asked.error.label}): {said}"


def _excerpt(asked: Asked) -> str:
    text = cleaned(_without(asked.secrets, asked.begin)).replace('"', "'")
    return text if len(text) <= EXCERPT_CHARS else f"{text[:EXCERPT_CHARS]}…"


def _not_understood(counters: Counters) -> list[str]:
    """Names of unknown keys, frames and channels, and counts of all else that was skipped."""
    missed = [f"{key} ({count})" for key, count in shown_keys(counters).items()]
    missed += _counted(counters.junk_lines, "unreadable line", "unreadable lines")
    missed += _counted(counters.odd_values, "odd value", "odd values")
    return missed


def _counted(number: int, one: str, many: str) -> Iterator[str]:
    if number:
        yield f"{number} {one if number == 1 else many}"


def _without(secrets: Iterable[str], text: str) -> str:
    for secret in secrets:
        text = text.replace(secret, "…")
    return text


def _advice(error: GrokApiError, lane: WebLane) -> str:
    if error.blame is Blame.EGRESS and lane is WebLane.SOCKET:
        return FROM_YOUR_BROWSER
    return advice(error.code or "") or "Try again in a while."
