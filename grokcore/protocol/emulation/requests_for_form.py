"""Requests at the end of a prompt: for an answer in JSON, or for a corrected one."""

from __future__ import annotations

import json

from ..conversation.bounds import TextFormat
from ..conversation.question import Repair

__all__ = ["MOST_FAULTS", "ask_for_correction", "ask_for_json"]

MOST_FAULTS = 5
"""Faults that are named. The first ones often cause the others."""

_ALONE = "Answer with the JSON alone, without words or a code fence around it."


def ask_for_json(text_format: TextFormat) -> str:
    """A request for an answer in this form."""
    if text_format.schema is None:
        return f"{_ALONE} It must be a JSON object."
    name = f" ({text_format.name})" if text_format.name else ""
    told = f"\n{text_format.description}" if text_format.description else ""
    schema = json.dumps(text_format.schema, ensure_ascii=False)
    return f"{_ALONE} It must fit this JSON schema{name}:{told}\n{schema}"


def ask_for_correction(repair: Repair, wanted: str) -> str:
    """A request for a better answer than that of *repair*.

    :param wanted: the part of it that is to be sent.
    """
    faults = "\n".join(f"- {fault}" for fault in repair.faults[:MOST_FAULTS])
    return f"The last answer can't be used:\n{faults}\n\nSend only {wanted}, and nothing else."
