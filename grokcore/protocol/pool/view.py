"""What a token's owner sees of it: its state, and why, in words for a person.

Nothing here is secret: no session token, and of a proxy its hash only. Grok's refusals are in its
own words, out of which the token was taken when they came.
"""

from __future__ import annotations

import hashlib
import heapq
import math
from collections.abc import Sequence

from attrs import frozen

from .account import Account, Egress, State
from .allowance import Allowance

__all__ = [
    "GroupView",
    "TokenView",
    "TokenViews",
    "egress_label",
    "left_by_group",
    "listing",
    "view_of",
    "view_of_many",
    "within",
]

LONGEST_WHY = 300
"""Characters. Refusals are other people's prose."""

_ORDER = {State.INVALID: 0, State.COOLING: 1, State.DISABLED: 2, State.UNKNOWN: 3, State.OK: 4}
_DISABLED_IN_FILE = 5
"""Whoever wrote that into the file knows it."""


@frozen
class GroupView:
    """A token's allowance for one group of models. Times are seconds from now.

    :ivar left: questions, or tokens of a budget if not *flat*; None if it is not known. *total*: of
        how many.
    :ivar reset_in: when the counter is whole again, at the latest; None if it is not known.
    :ivar cooling_for: the rest of the cooling after a 429; None if there is none.
    :ivar used_up: nothing is left, by Grok's own word.
    :ivar spent: nothing is left by our own counting, which makes the token the last choice, but a
        choice.
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

    :ivar key: what no two tokens share; *id* is its beginning.
    :ivar state: one of :class:`~grokcore.protocol.pool.account.State`.
    :ivar why: one sentence or less on the state; empty if there is nothing to say.
    :ivar back_in: when nothing of it is shut any more, or Grok is asked for it; None if nothing is,
        or only a person or a question can tell.
    :ivar used_ago: when it was last chosen; None if never.
    :ivar egress: ``direct``, or a name for the proxy.
    :ivar switched_off: disabled by this server's state; *disabled_in_file*: by its owner's token
        file. It may be both.
    """

    id: str
    key: str
    tier: str
    note: str
    state: str
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
    """Tokens.

    :ivar total: how many there are; *shown*: the first of them.
    """

    total: int
    shown: tuple[TokenView, ...]


def view_of_many(accounts: Sequence[Account], now: float, most: int) -> TokenViews:
    """The first *most* of *accounts*: those with trouble before the others, then by id."""
    places: list[list[Account]] = [[] for _ in range(_DISABLED_IN_FILE + 1)]
    for account in accounts:
        places[_place(account, now)].append(account)
    first: list[Account] = []
    for place in places:  # only what will be shown is put in order
        first += heapq.nsmallest(most - len(first), place, key=lambda account: account.entry.key)
    return TokenViews(len(accounts), tuple(view_of(account, now) for account in first))


def view_of(account: Account, now: float) -> TokenView:
    """One account."""
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
        egress=egress_label(account.egress.proxy_url),
        groups=tuple(_group(group, one, now) for group, one in sorted(account.allowances.items())),
        switched_off=account.switched_off,
        disabled_in_file=entry.disabled,
    )


def egress_label(proxy_url: str) -> str:
    """A name for a way to Grok that gives nothing away. *proxy_url* is empty for a direct
    connection.
    """
    return f"proxy {hashlib.sha256(proxy_url.encode()).hexdigest()[:8]}" if proxy_url else "direct"


def listing(names: Sequence[str]) -> str:
    """``one, another and a third``."""
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def within(seconds: float) -> str:
    """``, within 4 s``; empty if that is now."""
    return f", within {math.ceil(seconds)} s" if seconds > 0 else ""


def _place(account: Account, now: float) -> int:
    return _DISABLED_IN_FILE if account.entry.disabled else _ORDER[_state(account, now)]


def _state(account: Account, now: float) -> str:
    return State.DISABLED if account.disabled else account.state(now)


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
        openings += [one.open_at(1) for one in account.allowances.values()]
    last = max(openings)
    return last - now if last > now else None


def _why(account: Account, now: float) -> str:
    if account.disabled:
        return _why_disabled(account)
    if account.invalid:
        return (
            f"On trial: its next question tells. {account.refusal}"
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
    cooling = [group for group, one in allowances if one.cooling_until > now]
    used_up = [group for group, one in allowances if one.cooling_until <= now < one.open_at(1)]
    told = [f"Resting after a 429 for {listing(cooling)}."] if cooling else []
    return " ".join([*told, *([f"Used up for {listing(used_up)}."] if used_up else [])])


def _why_last(account: Account, now: float) -> str:
    """Why others are preferred; empty if they are not."""
    spent = [group for group, one in sorted(account.allowances.items()) if one.spent(1, now)]
    if account.suspect_until > now:
        return (
            "Its last request failed for an outside reason; other tokens are preferred for "
            "a few seconds."
        )
    if spent:
        return f"Used up for {listing(spent)} by our own counting: others go first."
    return "" if account.answered else "It has not answered yet."


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= LONGEST_WHY else text[: LONGEST_WHY - 1] + "…"


def left_by_group(accounts: Sequence[Account], now: float) -> dict[str, int]:
    """What is known to be left of each group of models, over all *accounts*, in Grok's own unit.

    Groups of which nothing is known are not there. It looks and changes nothing: no group begins to
    be asked for.
    """
    found: dict[str, int] = {}
    for account in accounts:
        for group, allowance in account.allowances.items():
            if allowance.known(now) is not None:
                found[group] = found.get(group, 0) + allowance.left
    return found
