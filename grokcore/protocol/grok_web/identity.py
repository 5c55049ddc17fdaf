"""Who Grok sees: the browser values that the owner copies, and the page's origin."""

from __future__ import annotations

from attrs import evolve, field, frozen

__all__ = ["ORIGIN", "Identity", "without_statsig"]

ORIGIN = "https://grok.com"
"""The page's ``Origin``, also where ``base_url`` names a mirror or a simulator."""


@frozen
class Identity:
    """The browser values that a user copies, beside the session token.

    :ivar statsig_id: the value of ``x-statsig-id``, or one per request path (``"*"`` for the
        others): real values are bound to a path (recorded 2026-03-08).
    :ivar cf_clearance: the cookie's value, without its name; empty on an address that needs none.
    :ivar user_agent: empty for the impersonated browser's own.
    """

    statsig_id: str | dict[str, str] = field(repr=False)
    cf_clearance: str = field(default="", repr=False)
    user_agent: str = ""

    def statsig_for(self, path: str) -> str:
        """The value for a request to *path*; empty if none is configured for it."""
        if isinstance(self.statsig_id, str):
            return self.statsig_id
        return self.statsig_id.get(path, self.statsig_id.get("*", ""))


def without_statsig(identity: Identity) -> Identity:
    """The identity of requests that need the cookies alone."""
    return evolve(identity, statsig_id="")
