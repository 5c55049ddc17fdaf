"""The accounts of the demo, apart from the simulated Grok: commands that only name them do without
its code.
"""

from __future__ import annotations

__all__ = ["DEMO_TOKENS"]

DEMO_TOKENS = (
    b'{"sso": {"demo-basic-1": {}, "demo-basic-2": {}, "demo-basic-3": {}, "demo-basic-4": {}}, '
    b'"ssoSuper": {"demo-super-1": {}, "demo-super-2": {}}}'
)
"""A token file for the simulated Grok, which accepts any token."""
