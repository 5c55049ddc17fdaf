"""The condition of a server: whether it works, and the reasons why not, in words for its owner.

Theory
------
A server with usable tokens may fail every request, and one without may be doing all it was asked.
So the condition follows from the models that clients have asked for lately. Each is judged by two
witnesses: the pool, which knows that no credential can be lent, and the outcomes of the last
requests. A success is the stronger one: it ends the evidence of failures before it.

Rules
-----
1. ``down``: no model that was asked for lately can be answered; with none asked, no model at all.
2. ``degraded``: one of several such models can't, or something else needs the owner: a file, an
   egress, an official lane.
3. ``ok`` otherwise, perhaps with notices: ended sessions beside others that work, a reached cap.
4. Failures are evidence for :data:`EVIDENCE_S`. A load balancer that has turned away from a failing
   server must try it again some time.
5. Failures of the request itself, and those of a token, are no evidence: the pool knows which
   tokens can be lent, and when.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping, Sequence

from attrs import field, frozen

from ..errors import Blame, GrokApiError, InternalError, SpendingCapReached
from .advice import advice, advice_on

__all__ = [
    "Condition",
    "EgressFacts",
    "Facts",
    "Health",
    "LaneFacts",
    "Matter",
    "ModelFacts",
    "ModelState",
    "Reason",
    "SharedPool",
    "is_evidence",
    "judge",
    "model_state",
]

EVIDENCE_S = 300.0
"""Seconds for which failed requests show that a model can't be answered."""

FAILED_IN_ROW = 3
"""Failed requests that are evidence although there was a success in the last hour."""

EVIDENCE_BLAMES = frozenset({Blame.UPSTREAM, Blame.EGRESS})
"""Parties whose failures are evidence; see rule 5."""

NO_CREDENTIAL = "There is no token and no official lane, so nothing can be asked."
ADD_ONE = "Add a token: python3 grok2api.py tokens add asks for one."


class Health(enum.Enum):
    """Whether a server works."""

    OK = "ok"
    DEGRADED = "degraded"
    DOWN = "down"


class Matter(enum.Enum):
    """Kinds of reasons."""

    NO_CREDENTIALS = "no_credentials"
    MODEL = "model"
    SESSION_ENDED = "session_ended"
    CHALLENGE = "challenge"
    ANTIBOT = "antibot"
    EGRESS = "egress"
    USED_UP = "used_up"
    SPENDING_CAP = "spending_cap"
    LANE = "lane"
    FILE = "file"
    OVERLOAD = "overload"
    SHARED_POOL = "shared_pool"


_MATTERS: Mapping[str, Matter] = {
    "no_tokens": Matter.NO_CREDENTIALS,
    "no_valid_tokens": Matter.SESSION_ENDED,
    "rate_limit_exceeded": Matter.USED_UP,
    "upstream_challenge": Matter.CHALLENGE,
    "upstream_antibot": Matter.ANTIBOT,
    "upstream_overloaded": Matter.OVERLOAD,
    "shared_pool_unreachable": Matter.SHARED_POOL,
}
"""Matters of models by the code of the error that a request would get; others are ``model``."""

_ORDER = (Health.DOWN, Health.DEGRADED, Health.OK)


@frozen
class Reason:
    """A reason for a condition.

    :ivar weight: the condition that it brings about alone; OK for a notice.
    :ivar subject: the model, egress, lane or file; empty for the server as a whole.
    :ivar words: sentences for the owner. They may name files and addresses, never a secret.
    :ivar back_in: seconds until it passes by itself; None if it needs the owner, or nobody knows.
    """

    matter: Matter
    weight: Health
    subject: str
    words: str
    advice: str = ""
    back_in: float | None = None


@frozen
class Condition:
    """A server's condition. *reasons* are in the order of their weight, the worst first."""

    health: Health
    reasons: tuple[Reason, ...] = ()
    models: tuple[tuple[ModelFacts, ModelState], ...] = ()

    @property
    def ready(self) -> bool:
        """Whether each model that was asked for lately can be answered."""
        if self.health is Health.DOWN:
            return False
        return all(model.why is None for model, _ in self.models if model.asked)


# Facts ------------------------------------------------------------------------------------------


class ModelState(enum.Enum):
    """Whether a model can be answered now."""

    OK = "ok"
    FAILING = "failing"
    UNANSWERABLE = "unanswerable"
    NOT_ASKED = "not_asked"


@frozen
class ModelFacts:
    """A model, and its requests of the last hour.

    :ivar asked: requests that have ended, without those whose clients left.
    :ivar failed: those that failed for another reason than the request itself.
    :ivar failed_in_row: failures since the last success that are evidence (rule 5).
    :ivar failed_ago: seconds since the last one; None without one.
    :ivar last_error: its error.
    :ivar hopeless: the error that a request would get now; None if it would be tried.
    :ivar usable_tokens: tokens that could take a question now; None if they were not counted.
    """

    name: str
    asked: int = 0
    failed: int = 0
    failed_in_row: int = 0
    failed_ago: float | None = None
    last_error: GrokApiError | None = None
    hopeless: GrokApiError | None = None
    usable_tokens: int | None = None

    @property
    def why(self) -> GrokApiError | None:
        """The error that shows why it can't be answered; None if it can."""
        state = model_state(self)
        if state is ModelState.FAILING:
            return self.last_error
        return self.hopeless


@frozen
class EgressFacts:
    """An egress.

    :ivar address: host and port of the proxy; empty for a direct connection.
    :ivar failing: its attempts that failed, of the last *attempts*.
    :ivar challenged: whether a challenge page was the last answer.
    :ivar failure: the last broken connection, in words.
    :ivar back_in: seconds of its pause; None if it is open.
    """

    address: str
    attempts: int
    failing: int
    challenged: bool = False
    failure: str = ""
    back_in: float | None = None


@frozen
class LaneFacts:
    """An official lane in use.

    :ivar faulty: whether it waits for its owner.
    :ivar capped: whether the day's money is spent.
    """

    name: str
    why: str
    faulty: bool = False
    capped: bool = False
    back_in: float | None = None


@frozen
class SharedPool:
    """A server's part of a pool that several servers share.

    :ivar table: where the table is that says which server has which token.
    :ivar owned: number of tokens that this server has.
    :ivar servers: number of servers that share the pool; 0 if that is not known yet.
    :ivar gone: why the table can't be reached; empty if it can.
    :ivar lent_for: seconds for which tokens are lent without the table.
    :ivar young_for: seconds until tokens may be taken from a table that may have forgotten which
        server has which.
    """

    table: str
    owned: int
    servers: int
    gone: str = ""
    lent_for: float = 0.0
    young_for: float = 0.0


@frozen
class Facts:
    """Facts that a condition follows from.

    :ivar models: those that were asked for in the last hour, then the others of the table.
    :ivar credentials: tokens that are not disabled, and official lanes in use.
    :ivar disabled: tokens that are disabled.
    :ivar ended: tokens whose session Grok has ended.
    :ivar overloaded_for: seconds for which Grok as a whole is left alone; None if it is not.
    :ivar files: faults of files in words, by subject.
    :ivar shared: this server's part of a shared pool; None if it shares none.
    """

    models: Sequence[ModelFacts] = ()
    credentials: int = 0
    tokens: int = 0
    disabled: int = 0
    ended: int = 0
    egresses: Sequence[EgressFacts] = ()
    lanes: Sequence[LaneFacts] = ()
    overloaded_for: float | None = None
    files: Mapping[str, str] = field(factory=dict)
    shared: SharedPool | None = None


# The judgement ----------------------------------------------------------------------------------


def judge(facts: Facts) -> Condition:
    """The condition of a server."""
    reasons = [
        *_of_models(facts),
        *_of_files(facts),
        *_of_egresses(facts),
        *_of_lanes(facts),
        *_of_overload(facts),
        *_of_sessions(facts),
        *_of_shared_pool(facts),
    ]
    reasons.sort(key=lambda reason: _ORDER.index(reason.weight))  # stable
    health = reasons[0].weight if reasons else Health.OK
    models = tuple((model, model_state(model)) for model in facts.models)
    return Condition(health, tuple(reasons), models)


def is_evidence(error: GrokApiError) -> bool:
    """Whether a failure shows that others would fail, too (rule 5)."""
    return error.blame in EVIDENCE_BLAMES or isinstance(error, InternalError)


def model_state(model: ModelFacts) -> ModelState:
    """Whether *model* can be answered now."""
    if model.hopeless is not None:
        return ModelState.UNANSWERABLE
    if model.failed_in_row and (model.failed_ago or 0.0) <= EVIDENCE_S:
        never_answered = model.failed >= model.asked
        if never_answered or model.failed_in_row >= FAILED_IN_ROW:
            return ModelState.FAILING
    return ModelState.OK if model.asked else ModelState.NOT_ASKED


def _of_models(facts: Facts) -> Iterator[Reason]:
    if not facts.credentials:
        yield _without_credentials(facts)
        return
    asked = [model for model in facts.models if model.asked]
    judged = asked or facts.models
    bad = [model for model in judged if model.why is not None]
    all_bad = len(bad) == len(judged)
    if not asked:
        bad = bad[:1] if all_bad else []
    for model in bad:
        yield _of_model(model, Health.DOWN if all_bad else Health.DEGRADED)


def _without_credentials(facts: Facts) -> Reason:
    words = NO_CREDENTIAL
    if facts.disabled:
        words = f"All tokens are disabled ({facts.disabled}), and there is no official lane."
    return Reason(Matter.NO_CREDENTIALS, Health.DOWN, "", words, ADD_ONE)


def _of_model(model: ModelFacts, weight: Health) -> Reason:
    error = model.why
    assert error is not None
    matter = _MATTERS.get(error.label, Matter.MODEL)
    if isinstance(error, SpendingCapReached):
        matter = Matter.SPENDING_CAP
    advice = advice_on(error)
    short = error.short.removesuffix(advice).rstrip() if advice else error.short
    if model.hopeless is not None:
        words = f"{model.name} can't be answered now: {short}"
    elif model.failed_in_row == 1:
        words = f"The last request to {model.name} failed: {short}"
    else:
        words = f"The last {model.failed_in_row} requests to {model.name} failed: {short}"
    back_in = None if model.hopeless is None else error.retry_after
    return Reason(matter, weight, model.name, words, advice, back_in)


def _of_files(facts: Facts) -> Iterator[Reason]:
    for name, words in facts.files.items():
        yield Reason(Matter.FILE, Health.DEGRADED, name, words)


def _of_egresses(facts: Facts) -> Iterator[Reason]:
    for egress in facts.egresses:
        all_fail = egress.attempts >= FAILED_IN_ROW and egress.failing == egress.attempts
        if egress.challenged:
            yield _challenged(egress)
        elif all_fail or egress.back_in is not None:
            yield _unreached(egress)


def _challenged(egress: EgressFacts) -> Reason:
    words = "Grok's edge answers this server's own address with a challenge page."
    if egress.address:
        words = f"Grok's edge answers the proxy {egress.address} with a challenge page."
    return Reason(Matter.CHALLENGE, Health.DEGRADED, egress.address, words, "", egress.back_in)


def _unreached(egress: EgressFacts) -> Reason:
    failing, attempts, failure = egress.failing, egress.attempts, egress.failure
    words = (
        f"Grok is not reached: {failing} of the last {attempts} attempts without a proxy failed. "
        f"{failure}"
    )
    if egress.address:
        words = (
            f"Grok is not reached: {failing} of the last {attempts} attempts by the proxy "
            f"{egress.address} failed. {failure}"
        )
    back_in = egress.back_in
    return Reason(Matter.EGRESS, Health.DEGRADED, egress.address, words.rstrip(), back_in=back_in)


def _of_lanes(facts: Facts) -> Iterator[Reason]:
    for lane in facts.lanes:
        if lane.faulty:
            yield Reason(Matter.LANE, Health.DEGRADED, lane.name, lane.why)
        elif lane.capped:
            yield Reason(Matter.SPENDING_CAP, Health.OK, lane.name, lane.why, back_in=lane.back_in)


def _of_overload(facts: Facts) -> Iterator[Reason]:
    if facts.overloaded_for is not None:
        words = "Grok failed several times in a row, so it is asked less for a while."
        yield Reason(Matter.OVERLOAD, Health.DEGRADED, "", words, back_in=facts.overloaded_for)


def _of_sessions(facts: Facts) -> Iterator[Reason]:
    """A notice; where it is the last token, the models say so too."""
    if facts.ended:
        words = f"Grok has ended the session of {facts.ended} of {facts.tokens} tokens."
        advice = (
            "Sign in at grok.com again, and paste a request of that browser into python3 "
            "grok2api.py import-curl."
        )
        yield Reason(Matter.SESSION_ENDED, Health.OK, "", words, advice)


def _of_shared_pool(facts: Facts) -> Iterator[Reason]:
    shared = facts.shared
    if shared is None:
        return
    if shared.gone:
        words = f"The tokens of the pool can't be shared out among its servers: {shared.gone}."
        if shared.owned:
            words += f" This server goes on with the {shared.owned} that it has, for seconds."
        advised = advice("shared_pool_unreachable")
        yield Reason(Matter.SHARED_POOL, Health.DEGRADED, shared.table, words, advised)
    elif shared.young_for and not shared.owned:
        words = (
            "The table of the shared pool may have forgotten which server has which token, so "
            "none is taken yet."
        )
        yield Reason(Matter.SHARED_POOL, Health.DEGRADED, shared.table, words, "", shared.young_for)
