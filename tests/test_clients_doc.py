"""docs/clients.md: its tables of parameters and parts are held against the code and against
OpenAI's own list.
"""

from __future__ import annotations

import re
import typing
from pathlib import Path

from openai.types.chat.completion_create_params import CompletionCreateParamsBase

from grokcore.errors import GrokApiError
from grokcore.protocol.dialects.openai_chat.request import parse_chat_fields
from grokcore.protocol.dialects.part_table import TABLE, Becomes
from grokcore.web.unknown_paths import unknown_url

TEXT = (Path(__file__).parents[1] / "docs" / "clients.md").read_text("utf-8")
ASKING = {
    "n": 2,
    "tool_choice": "required",
    "function_call": {"name": "f"},
    "modalities": ["audio"],
    "stream": True,
}
"""Values that ask for something; of other parameters any will do."""


def table(heading: str) -> list[list[str]]:
    """The rows of the first table under a heading, their cells as they are written."""
    section = TEXT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in row] for row in rows[1:]]


def names(cell: str) -> list[str]:
    return re.findall(r"`([\w.-]+)`", cell)


def test_each_parameter_of_openai_s_is_in_the_table() -> None:
    """Once; none is forgotten."""
    told = [name.partition(".")[0] for cells in table("Parameters") for name in names(cells[0])]
    assert len(told) == len(set(told))
    assert set(typing.get_type_hints(CompletionCreateParamsBase)) - set(told) - {"stream"} == set()


def test_what_becomes_of_a_parameter_is_as_the_table_says() -> None:
    """Refused, ignored and named, or used."""
    for first, becomes in table("Parameters"):
        for name in names(first):
            key = name.partition(".")[0]
            value = (
                {"include_usage": True}
                if "." in name
                else ASKING.get(key, {"a": 1} if key.startswith("web") else 1)
            )
            fields = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
            assert outcome({key: value, **fields}, key) == expected(becomes), name


def expected(becomes: str) -> str:
    return "refused" if "400" in becomes else "ignored" if becomes.startswith("ignored") else "used"


def outcome(fields: dict[str, object], name: str) -> str:
    try:
        request = parse_chat_fields(fields)
    except GrokApiError as error:
        return "refused" if error.param == name else "?"
    return "ignored" if name in request.ignored else "used"


def test_the_parts_that_are_told_of_are_those_of_the_code() -> None:
    """Each type stands in a row that says the same of it as the code."""
    rows = {
        Becomes.TEXT: "input_text",
        Becomes.PICTURE: "image_url",
        Becomes.FILE: "document",
        Becomes.CALL: "tool_use",
    }
    rows |= {
        Becomes.RESULT: "tool_result",
        Becomes.DROPPED: "thinking",
        Becomes.NOTE: "input_audio",
    }
    cells = table("Parts of messages")
    for becomes, example in rows.items():
        (row,) = [cells for cells in cells if example in names(cells[0])]
        for name in names(row[0]):
            known = TABLE.get(name.replace("-", "_"))
            assert known is None or known.becomes is becomes, name
        assert ("400" in row[1]) == (becomes in (Becomes.DROPPED, Becomes.NOTE))


def test_the_answer_of_absent_routes_is_as_the_table_says() -> None:
    """Status and code of each route that the table says is not there."""
    absent = [
        cells for cells in table("What works, and what does not") if "`unknown_url`" in cells[1]
    ]
    absent += [
        cells for cells in table("What works, and what does not") if "`not_implemented`" in cells[1]
    ]
    assert len(absent) == 2
    for first, becomes in absent:
        for path in re.findall(r"`/v1(/[\w/]+)`", first):
            error = unknown_url("POST", path, f"/v1{path}", "http://127.0.0.1:8000")
            assert becomes.startswith(f"{error.status} `{error.code}`"), path
