"""Reports of the server as the status page gets them, with any number of tokens in all states.

They have what a report may have, so that the page is seen with all of it.
"""

from __future__ import annotations

from typing import Any

from grokcore.protocol.models import SHIPPED

__all__ = ["GROUPS", "NOW", "broken", "history", "no_tokens", "report", "words_in"]

NOW = 1_795_945_500.0
"""Seconds since 1970 at which a report is taken."""

GROUPS: dict[str, list[str]] = {}
for _model in SHIPPED.values():
    GROUPS.setdefault(_model.rate_limit_name, []).append(_model.name)

NOTES = (
    "main account",
    "",
    "工作用的账号，不要删除",
    "",
    "second, from the old laptop, which nobody has used since last summer",
    '<img src=x onerror="window.canary = 2">',
)
KINDS = ("ok", "ok", "cooling", "ok", "spent", "unknown", "invalid", "ok", "disabled", "busy")
WHY = {
    "cooling": "Grok answered 429: too many questions of grok-4.1 within two hours.",
    "invalid": "Grok refused it twice: Invalid credentials. Sign in again and replace it.",
    "disabled": "Switched off here.",
}


def report(tokens: int, **more: Any) -> dict[str, Any]:
    """A report with *tokens*; *more* replaces parts of it."""
    rows = sorted((_token(number) for number in range(tokens)), key=_trouble)
    counts = dict.fromkeys(("ok", "cooling", "unknown", "invalid", "disabled"), 0)
    for row in rows:
        counts[row["state"]] += 1
    return {
        "version": "1.4.0",
        "status": "degraded" if tokens > 8 else "ok",
        "reasons": _reasons() if tokens > 8 else [],
        "open": 3,
        "waiting": 2 if tokens > 8 else 0,
        "faults": {},
        "warnings": {},
        "egress": _egresses(tokens),
        "uptime_s": 72_000.0,
        "time": NOW,
        "command": "python3 grok2api.py",
        "page_edits": tokens > 8,
        "groups": GROUPS,
        "models": _models(tokens),
        "tokens": {"total": tokens, "counts": counts, "rows": rows},
        "lanes": _lanes() if tokens == 40 else _no_lanes(),
        "browser_values": _values(),
        "minutes": _minutes(),
        "recent_faults": _faults(),
        **more,
    }


def no_tokens(**more: Any) -> dict[str, Any]:
    """The report of a server that was never set up."""
    advice = "Add one with: python3 grok2api.py tokens add"
    words = "There is no token and no key of an official lane."
    empty = [{**minute, **_QUIET} for minute in _minutes()]
    return report(
        0,
        status="down",
        reasons=[_reason("no_credentials", "down", "tokens", words, advice)],
        open=0,
        egress=[],
        models=[],
        minutes=empty,
        recent_faults=[],
        **more,
    )


def broken() -> dict[str, Any]:
    """The report of a server that answers nothing: a proxy is gone, and a file has a fault."""
    return report(
        8,
        status="down",
        reasons=[
            _reason(
                "egress",
                "down",
                "127.0.0.1:7890",
                "The proxy 127.0.0.1:7890 does not answer: 29 of its last 29 connections failed.",
                "Start the proxy, or set another one in [grok] proxy_url.",
            ),
            _reason(
                "file",
                "degraded",
                "config.toml",
                "config.toml: [server] port: the value “eight thousand” is no whole number.",
                "Mend the line; the server reads the file again by itself.",
            ),
            _reason(
                "model",
                "down",
                "grok-4-heavy",
                "The model grok-4-heavy cannot be answered: all 3 tokens that may are used up.",
                "Wait, or add a token of a Super account.",
                back_in=71_000.0,
            ),
        ],
        faults={"tokens": "tokens.json: line 3 is not JSON, so the tokens from before are used."},
        warnings={"statsig": "11 models go over REST with the shipped x_statsig_id."},
    )


def history(span: str) -> dict[str, Any]:
    """An answer of ``/status/history``."""
    step, count = (900, 96) if span == "24h" else (21_600, 120)
    at = [int(NOW) // step * step - step * (count - 1 - place) for place in range(count)]

    def series(factor: int) -> list[dict[str, Any]]:
        return [
            {
                "at": begin,
                "requests": (place * 7 % 23) * factor,
                "errors": factor * (place % 17 == 3),
                "tokens_in": 800 * factor * (place % 11),
                "tokens_out": 450 * factor * (place % 11),
            }
            for place, begin in enumerate(at)
        ]

    return {
        "span": span,
        "step_s": step,
        "from": at[0],
        "to": at[-1] + step,
        "models": {name: series(2 + place) for place, name in enumerate(SHIPPED)},
        "keys": {"owner": series(9), "laptop": series(2), "guest of a long name": series(1)},
        "tokens": {f"{number * 2654435761 % 2**32:08x}": series(1) for number in range(8)},
        "all": [
            {**point, "first_p50_s": 0.5 + place % 9 / 5 if point["requests"] else None}
            for place, point in enumerate(series(12))
        ],
    }


def words_in(language: str) -> str:
    """A browser's ``Accept-Language``."""
    return {"en": "en-GB,en", "zh": "zh-CN,zh"}[language]


# Parts ------------------------------------------------------------------------------------------


def _trouble(row: dict[str, Any]) -> int:
    return ("invalid", "cooling", "disabled", "unknown", "ok").index(row["state"])


def _token(number: int) -> dict[str, Any]:
    kind = KINDS[number % len(KINDS)]
    state = {"spent": "ok", "busy": "ok"}.get(kind, kind)
    name = f"{number * 2654435761 % 2**32:08x}"
    return {
        "id": name,
        "key": name * 8,
        "tier": "super" if number % 4 == 3 else "basic",
        "note": NOTES[number % len(NOTES)],
        "state": state,
        "why": WHY.get(kind, ""),
        "back_in": {"cooling": 1800.0, "invalid": 9000.0 if number % 20 == 6 else None}.get(kind),
        "in_flight": 2 * (kind == "busy"),
        "used_ago": None if kind in ("unknown", "disabled") else 30.0 + 400 * number,
        "egress": "proxy 1f2e3d4c" if number % 3 == 1 else "direct",
        "groups": [] if kind == "unknown" else _groups(number, kind),
        "switched_off": kind == "disabled",
        "disabled_in_file": False,
    }


def _groups(number: int, kind: str) -> list[dict[str, Any]]:
    rows = []
    for place, name in enumerate(GROUPS):
        if place > 4 or (place > 2 and number % 2):
            continue
        total = (20, 40, 80)[place % 3]
        short = kind == "spent" or (kind == "cooling" and place == 1)
        left = 0 if kind == "spent" else max(1, total - 9 * (place + number) % total)
        rows.append(
            {
                "group": name,
                "left": left,
                "total": total,
                "flat": True,
                "reset_in": 72_000.0 if kind == "spent" else 6600.0,
                "cooling_for": 1800.0 if short and kind == "cooling" else None,
                "used_up": kind == "spent",
                "spent": kind == "spent",
            }
        )
    return rows


def _reason(
    matter: str, weight: str, subject: str, words: str, advice: str, back_in: float | None = None
) -> dict[str, Any]:
    return {
        "matter": matter,
        "weight": weight,
        "subject": subject,
        "words": words,
        "advice": advice,
        "back_in": back_in,
    }


def _reasons() -> list[dict[str, Any]]:
    return [
        _reason(
            "model",
            "degraded",
            "grok-4-heavy",
            "The model grok-4-heavy cannot be answered: all 3 tokens that may are used up.",
            "Wait, or add a token of a Super account.",
            back_in=71_000.0,
        ),
        _reason(
            "session_ended",
            "ok",
            "06a1c5b2",
            "Grok refuses 4 tokens: their sessions have ended.",
            "Sign in again and replace them.",
        ),
    ]


def _egresses(tokens: int) -> list[dict[str, Any]]:
    direct: dict[str, Any] = {
        "name": "direct",
        "state": "open",
        "resumes_in": None,
        "failing": [0, 40],
        "address": "",
    }
    proxy: dict[str, Any] = {
        "name": "proxy 1f2e3d4c",
        "state": "paused" if tokens > 8 else "open",
        "resumes_in": 40 if tokens > 8 else None,
        "failing": [29, 29],
        "address": "127.0.0.1:7890",
    }
    return [direct, proxy][: min(tokens, 2)]


def _models(tokens: int) -> list[dict[str, Any]]:
    asked = [
        ("grok-4-heavy", "unanswerable" if tokens > 8 else "ok", 4, 3 * (tokens > 8), 0),
        ("grok-4.1", "ok", 612, 0, tokens),
        ("grok-4.1-thinking", "failing" if tokens > 8 else "ok", 141, 12, tokens),
    ]
    names = {name for name, *_ in asked}
    rest = [(name, "not_asked", 0, 0, tokens) for name in SHIPPED if name not in names]
    why = {
        "unanswerable": "All 3 tokens that may answer it are used up.",
        "failing": "12 of the last 20 failed: Grok was silent for 120 s.",
    }
    return [
        {
            "name": name,
            "state": state,
            "why": why.get(state, ""),
            "asked": count,
            "failed": failed,
            "usable_tokens": usable,
        }
        for name, state, count, failed, usable in [*asked, *rest]
    ]


def _no_lanes() -> list[dict[str, Any]]:
    return [{**lane, "state": "off", "rests": []} for lane in _lanes()]


def _lanes() -> list[dict[str, Any]]:
    return [
        {
            "lane": "cli",
            "id": "5e55a0c1",
            "state": "ok",
            "why": "",
            "back_in": None,
            "open": 2,
            "stock": {"models": 9, "age_s": 7300.0, "fault": ""},
            "budget": None,
            "plan": {"used_percent": 37.4, "period": "weekly", "ends_at": NOW + 276_000},
            "rests": [
                {
                    "model": "grok-4.7-build-fast",
                    "why": "The account has reached a limit.",
                    "back_in": 190.0,
                }
            ],
        },
        {
            "lane": "api",
            "id": "ab12cd34",
            "state": "cap_reached",
            "why": "The paid lane has spent today's [api] daily_usd (2.5 USD).",
            "back_in": 18_400.0,
            "open": 0,
            "stock": {"models": 21, "age_s": 40.0, "fault": ""},
            "budget": {"spent_usd": 2.5213, "daily_usd": 2.5, "day_ends_in": 18_400.0},
            "plan": None,
            "rests": [],
        },
    ]


def _values() -> list[dict[str, Any]]:
    refused = {
        "at": NOW - 600,
        "code": "upstream_challenge",
        "lane": "socket",
        "egress": "127.0.0.1:7890",
    }
    return [
        {
            "name": "cf_clearance",
            "source": "own",
            "since": NOW - 190_000,
            "refused": [refused, {**refused, "at": NOW - 90_000, "egress": "direct"}],
        },
        {"name": "user_agent", "source": "none", "since": None, "refused": []},
        {"name": "x_statsig_id", "source": "shipped", "since": None, "refused": []},
    ]


_QUIET = {"requests": 0, "errors": 0, "first_p50_s": None, "first_p95_s": None}


def _minutes() -> list[dict[str, Any]]:
    start = int(NOW) // 60 * 60 - 59 * 60
    return [
        {
            "at": start + 60 * minute,
            "requests": 8 + minute * 7 % 13,
            "errors": 2 * (minute % 19 == 4),
            "first_p50_s": 0.6 + minute * 13 % 29 / 24,
            "first_p95_s": 1.4 + minute * 13 % 29 / 12,
        }
        if not 22 < minute < 27
        else {"at": start + 60 * minute, **_QUIET}
        for minute in range(60)
    ]


def _faults() -> list[dict[str, Any]]:
    rows = [
        (40, 2, "upstream_antibot", "Grok's anti-bot rules refused the request (code 7).", False),
        (400, 1, "upstream_error", 'Grok said: <img src=x onerror="window.canary = 1">', True),
        (4000, 14, "upstream_challenge", "A challenge page came instead of an answer.", False),
        (4100, 1, "rate_limit_exceeded", "All tokens for grok-4-heavy are used up.", True),
        (9100, 1, "timeout_chunk", "Grok was silent for 120 s.", True),
        (9200, 3, "upstream_unavailable", "Grok answered 502 for 3 attempts.", True),
    ]
    return [
        {
            "at": NOW - ago,
            "count": count,
            "code": code,
            "message": message,
            "model": "grok-4-expert",
            "token": "1f2e3d4c" if ago < 4000 else "",
            "advice": "Take the values of your browser anew: python3 grok2api.py import-curl",
            "reached": reached,
        }
        for ago, count, code, message, reached in rows
    ]
