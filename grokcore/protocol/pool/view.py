"""The owner's view of a token: its state and the reason for it, and the results of actions, as
sentences for a person.

Nothing here is secret: no session token, and of a proxy host and port only. Grok's refusals are
quoted; the token was taken out of them when they arrived.
"""

from __future__ import annotations

import hashlib
import heapq
import math
from collections.abc import Iterator, Sequence

from attrs import frozen

from ..urls.proxy_url import proxy_address
from .account import Account, AccountState, Egress
from .allowance import Allowance
from .owner_actions import ActionResult, Cleared, Disabled, Enabled, Rechecked

__all__ = [
    "GroupView",
    "TokenView",
    "TokenViews",
    "count_by_state",
    "egress_label",
    "egress_name",
    "in_words",
    "left_by_group",
    "next_reset",
    "view_of",
    "view_of_many",
]

LONGEST_WHY = 300
"""Characters. Refusals quote Grok, at any length."""

_ORDER = {
    AccountState.INVALID: 0,
    AccountState.COOLING: 1,
    AccountState.DISABLED: 2,
    AccountState.UNKNOWN: 3,
    AccountState.OK: 4,
}
_DISABLED_IN_FILE = 5
"""Such tokens come last: the owner who disabled them in the file knows it."""

_SENTENCES = {
    Cleared.USABLE: "It may be used again.",
    Cleared.ON_TRIAL: "Its next question will show whether Grok accepts it again.",
    Cleared.DISABLED: "Nothing is held against it any more, but it is disabled.",
    Disabled.IDLE: "It is switched off.",
    Disabled.BUSY: "It is switched off; requests under way finish.",
    Disabled.ALREADY: "It is switched off already.",
    Enabled.ENABLED: "It is switched on.",
    Enabled.DISABLED_IN_FILE: "It is disabled in the token file.",
}


@frozen
class GroupView:
    """A token's allowance for one group of models. Times are seconds from now.

    :ivar left: questions, or tokens of a budget if not *flat*; None if it is not known.
    :ivar total: the most that *left* can be; None if it is not known.
    :ivar reset_in: time of the renewal, at the latest; None if it is not known.
    :ivar cooling_for: rest of the cooling after a 429; None if there is none.
    :ivar used_up: whether Grok reported that nothing is left.
    :ivar spent: whether nothing is left by our own count, so that the token is the last choice.
    """

    group: str
    left: int | None = None
    total: int | None = None
    flat: bool = True
    reset_in: float | None = None
    cooling_for: float | None = None
    used_up: bool = False
    spent: bool = False


@frozen
class TokenView:
    """A token. Times are seconds from now.

    :ivar id: beginning of *key*, for people.
    :ivar key: name that no two tokens share.
    :ivar why: sentences on the state; empty if there is nothing to explain.
    :ivar back_in: time at which no part of it is shut any more, or of the poll of an invalid one.
        None if no part is shut, or if that takes a person or a question.
    :ivar used_ago: time of its last choice; None if there was none.
    :ivar egress: ``direct``, or ``proxy`` with its host and port.
    :ivar switched_off: whether it is disabled in this server's state.
    :ivar disabled_in_file: whether it is disabled in the token file.
    """

    id: str
    key: str
    tier: str
    note: str
    state: AccountState
    why: str
    back_in: float | None
    in_flight: int
    used_ago: float | None
    egress: str
    groups: tuple[GroupView, ...] = ()
    switched_off: bool = False
    disabled_in_file: bool = False


@frozen
class TokenViews:
    """The first of all tokens.

    :ivar total: number of all.
    """

    total: int
    shown: tuple[TokenView, ...]


def view_of_many(accounts: Sequence[Account], now: float, most: int) -> TokenViews:
    """The first *most* of *accounts*; those with trouble come first, then by id."""
    places: list[list[Account]] = [[] for _ in range(_DISABLED_IN_FILE + 1)]
    for account in accounts:
        places[_place(account, now)].append(account)
    first: list[Account] = []
    for place in places:  # only the accounts that will be shown are sorted
        first += heapq.nsmallest(most - len(first), place, key=lambda account: account.entry.key)
    return TokenViews(len(accounts), tuple(view_of(account, now) for account in first))


def view_of(account: Account, now: float) -> TokenView:
    """An account as its owner sees it."""
    entry = account.entry
    return TokenView(
        id=entry.id,
        key=entry.key,
        tier=entry.tier.value,
        note=entry.note,
        state=_state(account, now),
        why=_short(_why(account, now)),
        back_in=_back_in(account, now),
        in_flight=account.in_flight,
        used_ago=None if account.last_used == -math.inf else now - account.last_used,
        egress=egress_name(account.egress.proxy_url),
        groups=tuple(
            _group(group, allowance, now) for group, allowance in sorted(account.allowances.items())
        ),
        switched_off=account.switched_off,
        disabled_in_file=entry.disabled,
    )


def egress_name(proxy_url: str) -> str:
    """A name for an egress, for the owner: ``direct``, or the proxy's host and port."""
    return f"proxy {proxy_address(proxy_url)}" if proxy_url else "direct"


def egress_label(proxy_url: str) -> str:
    """A name for an egress that does not disclose the proxy's address. *proxy_url* is empty for a
    direct connection.
    """
    return f"proxy {hashlib.sha256(proxy_url.encode()).hexdigest()[:8]}" if proxy_url else "direct"


def in_words(result: ActionResult) -> str:
    """A sentence for the owner on the result of an action."""
    if not isinstance(result, Rechecked):
        return _SENTENCES[result]
    if not result.groups:
        return "It is disabled, so Grok is not asked for it."
    within = f", within {math.ceil(result.within_s)} s" if result.within_s > 0 else ""
    return f"Grok is asked how much is left for {_listing(result.groups)}{within}."


def _listing(names: Sequence[str]) -> str:
    """``first, second and third``."""
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def _place(account: Account, now: float) -> int:
    return _DISABLED_IN_FILE if account.entry.disabled else _ORDER[_state(account, now)]


def _state(account: Account, now: float) -> AccountState:
    return AccountState.DISABLED if account.disabled else account.state(now)


def _group(group: str, allowance: Allowance, now: float) -> GroupView:
    cooling_for = allowance.cooling_until - now if allowance.cooling_until > now else None
    quota = allowance.known(now)
    if quota is None:
        return GroupView(group, cooling_for=cooling_for)
    return GroupView(
        group,
        left=allowance.left,
        total=quota.total,
        flat=quota.flat,
        reset_in=allowance.void_at - now,
        cooling_for=cooling_for,
        used_up=not quota.left,
        spent=allowance.spent(1, now),
    )


def _back_in(account: Account, now: float) -> float | None:
    if account.disabled or (account.invalid and account.on_trial):
        return None
    openings = [account.cooling_until, account.egress.paused_until]
    if not account.invalid:
        openings += [allowance.open_at(1) for allowance in account.allowances.values()]
    last = max(openings)
    return last - now if last > now else None


def _why(account: Account, now: float) -> str:
    if account.disabled:
        return _why_disabled(account)
    if account.invalid:
        return (
            f"On trial: its next question decides. {account.refusal}"
            if account.on_trial
            else account.refusal
        )
    if account.cooling_until > now:
        return f"Refused once: {account.refusal}" if account.refusal else "Resting after a refusal."
    return " ".join(
        filter(None, [_why_shut(account, now), _why_paused(account.egress, now)])
    ) or _why_last(account, now)


def _why_paused(egress: Egress, now: float) -> str:
    if egress.challenged.shut_until > now:
        return "Its way to Grok rests after a challenge page."
    if egress.unreached.shut_until > now:
        return f"Its way to Grok failed several times in a row. {egress.failure}"
    return ""


def _why_disabled(account: Account) -> str:
    if not account.entry.disabled:
        return "Switched off here."
    return f"Disabled in the token file{', and switched off here' if account.switched_off else ''}."


def _why_shut(account: Account, now: float) -> str:
    """Which groups of models are shut for it; empty if none is."""
    allowances = sorted(account.allowances.items())
    cooling = [group for group, allowance in allowances if allowance.cooling_until > now]
    used_up = [
        group
        for group, allowance in allowances
        if allowance.cooling_until <= now < allowance.open_at(1)
    ]
    sentences = [
        f"Resting after a 429 for {_listing(cooling)}." if cooling else "",
        f"Used up for {_listing(used_up)}." if used_up else "",
    ]
    return " ".join(filter(None, sentences))


def _why_last(account: Account, now: float) -> str:
    """Why others are preferred; empty if they are not."""
    allowances = sorted(account.allowances.items())
    spent = [group for group, allowance in allowances if allowance.spent(1, now)]
    if account.suspect_until > now:
        return (
            "Its last request failed for an outside reason; other tokens are preferred for "
            "a few seconds."
        )
    if spent:
        return f"Used up for {_listing(spent)} by our own counting: others go first."
    return "" if account.answered else "It has not answered yet."


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= LONGEST_WHY else text[: LONGEST_WHY - 1] + "…"


def left_by_group(accounts: Sequence[Account], now: float) -> dict[str, int]:
    """The sum of the known allowances of all *accounts* for each group of models, in Grok's unit.

    Groups without a known allowance are left out. Nothing changes: no poll of a group is planned.
    """
    sums: dict[str, int] = {}
    for account in accounts:
        for group, allowance in account.allowances.items():
            if allowance.known(now) is not None:
                sums[group] = sums.get(group, 0) + allowance.left
    return sums


def count_by_state(accounts: Sequence[Account], now: float) -> dict[str, int]:
    """The number of *accounts* in each state, by its name. None of them is disabled."""
    states = [account.state(now) for account in accounts]
    return {
        state.value: states.count(state)
        for state in (
            AccountState.OK,
            AccountState.UNKNOWN,
            AccountState.COOLING,
            AccountState.INVALID,
        )
    }


def next_reset(accounts: Sequence[Account], now: float) -> float | None:
    """Time at which the next of *accounts* that cools is back; None if none cools."""
    openings = (
        opening
        for account in accounts
        for opening in _openings(account)
        if now < opening < math.inf
    )
    return min(openings, default=None)


def _openings(account: Account) -> Iterator[float]:
    if not account.invalid:
        yield account.cooling_until
        for allowance in account.allowances.values():
            yield allowance.open_at(1)
