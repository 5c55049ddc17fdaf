"""A credential's place as a desk sees it, which may be exchanged when the settings change."""

from __future__ import annotations

from .credentials import CredentialSource

__all__ = ["SourceHolder"]


class SourceHolder:
    """See :class:`~grokcore.runtime.pool.official_seams.Holder`.

    :ivar source: the place that the credential comes from.
    """

    def __init__(self, source: CredentialSource) -> None:
        self.source = source

    @property
    def key(self) -> str:
        """The credential's name that no other has; empty without one."""
        current = self.source.current
        return "" if current is None else current.key

    @property
    def id(self) -> str:
        """The credential's short name; empty without one."""
        current = self.source.current
        return "" if current is None else current.id

    @property
    def secrets(self) -> tuple[str, ...]:
        """Values that no message may quote."""
        current = self.source.current
        return () if current is None else current.secrets

    @property
    def fault(self) -> str:
        """The reason why there is no credential."""
        return self.source.fault

    async def refresh(self, *, stale: str = "") -> None:
        """Look for another credential."""
        await self.source.refresh(stale=stale)

    def forget_version(self) -> None:
        """Look for the CLI's version anew: xAI wants a newer one."""
        self.source.forget_version()
