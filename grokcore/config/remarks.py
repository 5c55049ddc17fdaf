"""Settings that are valid and may still not do what their owner wants."""

from __future__ import annotations

from collections.abc import Iterator

from ..protocol.models import SHIPPED, Model
from .sections import Config

__all__ = ["remarks_on"]


def remarks_on(config: Config) -> Iterator[tuple[tuple[str, str], str]]:
    """Section and key of each such setting, with words that follow on its name."""
    if config.server.host.strip("[]") == "::":
        yield (
            ("server", "host"),
            ":: is reached over IPv6 only; an empty host stands for all addresses, IPv4 and IPv6",
        )
    first = config.grok.stream_first_response_timeout
    cut = [name for name, model in config.models.items() if _is_cut(model)]
    if first is not None and cut:
        remark = (
            f"{first:g} s is too short for {', '.join(cut)}, which think for minutes before "
            "their first word"
        )
        yield (
            ("grok", "stream_first_response_timeout"),
            f"{remark}; without it each model has its own time",
        )


def _is_cut(model: Model) -> bool:
    """Whether a model has less time for its first word than it is shipped with."""
    shipped = SHIPPED.get(model.name)
    if shipped is None or shipped.limits is None or model.limits is None:
        return False
    return model.limits.first_response < shipped.limits.first_response
