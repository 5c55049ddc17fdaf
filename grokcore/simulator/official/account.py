"""The owner of a key and of a session of the CLI, as both services describe them."""

from __future__ import annotations

from typing import Any

from attrs import define

from .failures import TEAM

__all__ = ["Account"]


@define
class Account:
    """An account.

    :ivar used_percent: the share of the week's credits that is used up; 0 is left out of answers,
        as the proxy does with zeroes.
    :ivar period_end: when the week's credits come again, ISO 8601.
    :ivar on_demand_cap: US cents; *on_demand_used* and *prepaid_balance* likewise.
    :ivar blocked: whether the key is blocked.
    """

    user_id: str = "00000000-0000-4000-8000-000000000001"
    email: str = "owner@example.com"
    used_percent: float = 12.5
    period_start: str = "2026-11-23T00:00:00Z"
    period_end: str = "2026-11-30T00:00:00Z"
    on_demand_cap: int = 0
    on_demand_used: int = 0
    prepaid_balance: int = 0
    blocked: bool = False

    def key(self) -> dict[str, Any]:
        """The answer of ``/api-key``."""
        return {
            "redacted_api_key": "xai-...test",
            "user_id": self.user_id,
            "name": "simulated",
            "create_time": "2026-01-01T00:00:00Z",
            "modify_time": "2026-01-01T00:00:00Z",
            "modified_by": self.user_id,
            "team_id": TEAM,
            "acls": ["api-key:model:*", "api-key:endpoint:*"],
            "api_key_id": "00000000-0000-4000-8000-000000000002",
            "team_blocked": False,
            "api_key_blocked": self.blocked,
            "api_key_disabled": False,
        }

    def user(self) -> dict[str, Any]:
        """The answer of ``/user``."""
        return {"userId": self.user_id, "email": self.email, "subscriptionTier": "SuperGrok"}

    def billing(self, query: str) -> dict[str, Any]:
        """The answer of ``/billing``; only ``format=credits`` gets the credits."""
        money = {
            "onDemandCap": {"val": self.on_demand_cap},
            "onDemandUsed": {"val": self.on_demand_used},
            "prepaidBalance": {"val": self.prepaid_balance},
        }
        if "format=credits" not in query:
            return {"config": {"monthlyLimit": {"val": 0}, "used": {"val": 0}, **money}}
        period = {
            "type": "USAGE_PERIOD_TYPE_WEEKLY",
            "start": self.period_start,
            "end": self.period_end,
        }
        used = {"creditUsagePercent": self.used_percent} if self.used_percent else {}
        told = {"currentPeriod": period, **money, "isUnifiedBillingUser": True, "history": []}
        return {"config": used | told}
