"""The events of a streamed answer, in the order and with the fields of xAI's own streams.

Their shapes are those of recorded streams of api.x.ai (November 2025 to July 2026).
The id of a response is a bare UUID; its items are named ``rs_``, ``msg_``, ``ws_`` and ``ctc_``
after it. Searches run side by side and end in another order than they began. The arguments of a
function come as one piece.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, TypeAlias

from attrs import define, field, frozen

from ..scripts import tokens_of
from .answers import Answer, End, FunctionCall, Search
from .catalogue import CREATED, ModelRow, ticks_of

__all__ = ["Event", "Ticket", "cited", "events_of"]

Event: TypeAlias = dict[str, Any]

ECHOED: tuple[tuple[str, Any], ...] = (
    ("max_output_tokens", None),
    ("parallel_tool_calls", True),
    ("previous_response_id", None),
    ("reasoning", {"effort": None, "summary": None}),
    ("temperature", 0.699999988079071),
    ("text", {"format": {"type": "text"}}),
    ("tool_choice", "auto"),
    ("tools", []),
    ("top_p", 0.949999988079071),
    ("user", None),
    ("store", True),
    ("service_tier", "default"),
    ("prompt_cache_key", None),
    ("instructions", None),
)
"""Fields of a request that its response repeats, and their values if it has none."""

_CITATION = re.compile(r"\[\[(\d+)\]\]\(([^\s()]+)\)")


@frozen
class Ticket:
    """A response before its answer is made.

    :ivar body: the request.
    :ivar ticks: what the answer costs, if not what its tokens do.
    """

    id: str
    model: ModelRow
    body: Mapping[str, Any]
    ticks: int | None = None


def cited(text: str, sources: tuple[str, ...] = ()) -> list[Event]:
    """The annotations of the citations in *text*, then those of sources without a place."""
    found = [(one[2], one.start(), one.end(), one[1]) for one in _CITATION.finditer(text)]
    found += [(url, 0, 0, url) for url in sources]
    return [
        {
            "type": "url_citation",
            "url": url,
            "start_index": start,
            "end_index": end,
            "title": title,
        }
        for url, start, end, title in found
    ]


def events_of(answer: Answer, ticket: Ticket) -> list[Event]:
    """All events of a whole answer; the last one has the response object, unless it has no end."""
    writer = _Writer(ticket)
    writer.say("response.created", response=writer.response(status="in_progress"))
    writer.say("response.in_progress", response=writer.response(status="in_progress"))
    encrypted = "reasoning.encrypted_content" in (ticket.body.get("include") or ())
    if answer.thoughts:
        writer.think(answer.thoughts, encrypted=encrypted)
    writer.search(answer.searches)
    if answer.text or (answer.end is End.COMPLETED and not answer.calls and not answer.searches):
        writer.speak(answer.text, answer.sources)
    for call in answer.calls:
        writer.call(call)
    writer.finish(answer)
    for number, event in enumerate(writer.events):
        event["sequence_number"] = number
    return writer.events


@define
class _Writer:
    ticket: Ticket
    events: list[Event] = field(factory=list)
    output: list[Event] = field(factory=list)

    def say(self, kind: str, **fields: Any) -> None:
        self.events.append({"sequence_number": 0, "type": kind, **fields})

    def response(self, *, status: str, **fields: Any) -> Event:
        """The response object so far; fields that the request set are echoed."""
        body = self.ticket.body
        echoed = {name: body.get(name, default) for name, default in ECHOED}
        return {
            "created_at": CREATED,
            "completed_at": None if status == "in_progress" else CREATED + 1,
            "id": self.ticket.id,
            "model": self.ticket.model.name,
            "object": "response",
            "output": list(self.output),
            "usage": None,
            "incomplete_details": None,
            "status": status,
            "metadata": {"system_fingerprint": "fp_simulated"},
            "background": False,
            "truncation": "disabled",
            "error": None,
            **echoed,
            **fields,
        }

    def think(self, thoughts: tuple[str, ...], *, encrypted: bool) -> None:
        item: Event = {"id": f"rs_{self.ticket.id}", "summary": [], "type": "reasoning"}
        index = self._begin(item)
        place = {"item_id": item["id"], "output_index": index, "summary_index": 0}
        part = {"text": "".join(thoughts), "type": "summary_text"}
        self.say("response.reasoning_summary_part.added", part=part | {"text": ""}, **place)
        for thought in thoughts:
            self.say("response.reasoning_summary_text.delta", delta=thought, **place)
        self.say("response.reasoning_summary_text.done", text=part["text"], **place)
        self.say("response.reasoning_summary_part.done", part=part, **place)
        sealed = {"encrypted_content": "c2ltdWxhdGVkIHRob3VnaHRz"} if encrypted else {}
        self._end(index, item | {"summary": [part]} | sealed)

    def search(self, searches: tuple[Search, ...]) -> None:
        """Searches run side by side: all begin, then they end from the last to the first."""
        begun = [self._begin_search(number, search) for number, search in enumerate(searches)]
        for (index, item), search in reversed(list(zip(begun, searches, strict=True))):
            if not search.on_x:
                self.say(
                    "response.web_search_call.completed", item_id=item["id"], output_index=index
                )
            self._end(index, item)

    def _begin_search(self, number: int, search: Search) -> tuple[int, Event]:
        if search.on_x:
            return self._begin_x_search(number, search)
        found = [{"type": "url", "url": url} for url in search.urls]
        action = {"type": "search", "query": search.query, "sources": found}
        item: Event = {
            "id": f"ws_{self.ticket.id}_call_{number}",
            "type": "web_search_call",
            "action": action,
        }
        index = self._begin(item | {"action": {"type": "search", "query": "", "sources": []}})
        for state in ("in_progress", "searching"):
            kind = f"response.web_search_call.{state}"
            self.say(kind, item_id=item["id"], output_index=index)
        return index, item

    def _begin_x_search(self, number: int, search: Search) -> tuple[int, Event]:
        asked = json.dumps({"query": search.query, "limit": 10, "mode": "Latest"})
        item: Event = {
            "call_id": f"xs_call_{number}",
            "input": asked,
            "name": "x_keyword_search",
            "type": "custom_tool_call",
            "id": f"ctc_{self.ticket.id}_xs_call_{number}",
        }
        index = self._begin(item | {"input": ""})
        place = {"item_id": item["id"], "output_index": index}
        self.say("response.custom_tool_call_input.delta", delta=asked, **place)
        self.say("response.custom_tool_call_input.done", input=asked, **place)
        return index, item

    def speak(self, text: str, sources: tuple[str, ...]) -> None:
        item: Event = {
            "content": [],
            "id": f"msg_{self.ticket.id}",
            "role": "assistant",
            "type": "message",
        }
        index = self._begin(item)
        place = {"item_id": item["id"], "output_index": index, "content_index": 0}
        notes = cited(text, sources)
        part = {"type": "output_text", "text": text, "logprobs": [], "annotations": notes}
        empty = part | {"text": "", "annotations": []}
        self.say("response.content_part.added", part=empty, **place)
        for piece in tokens_of(text):
            self.say("response.output_text.delta", delta=piece, logprobs=[], **place)
        for number, annotation in enumerate(notes):
            self.say(
                "response.output_text.annotation.added",
                annotation=annotation,
                annotation_index=number,
                **place,
            )
        self.say("response.output_text.done", text=text, logprobs=[], **place)
        self.say("response.content_part.done", part=part, **place)
        self._end(index, item | {"content": [part]})

    def call(self, call: FunctionCall) -> None:
        number = len(self.output)
        item: Event = {
            "arguments": call.arguments,
            "call_id": f"call-{self.ticket.id}-{number}",
            "name": call.name,
            "type": "function_call",
            "id": f"fc_{self.ticket.id}_{number}",
        }
        index = self._begin(item | {"arguments": ""})
        place = {"item_id": item["id"], "output_index": index}
        self.say("response.function_call_arguments.delta", delta=call.arguments, **place)
        self.say("response.function_call_arguments.done", arguments=call.arguments, **place)
        self._end(index, item)

    def finish(self, answer: Answer) -> None:
        usage = {"usage": self.usage(answer) if answer.reports_usage else None}
        code, message = answer.error
        if answer.end is End.COMPLETED:
            self.say("response.completed", response=self.response(status="completed", **usage))
        elif answer.end is End.FAILED:
            failure = {"error": {"code": code, "message": message}} | usage
            self.say("response.failed", response=self.response(status="failed", **failure))
        elif answer.end is End.ERROR:
            self.say("error", code=code, message=message, param=None)
        elif answer.end is not End.NONE:
            why = {"incomplete_details": {"reason": answer.end.value}} | usage
            self.say("response.incomplete", response=self.response(status="incomplete", **why))

    def usage(self, answer: Answer) -> Event:
        """Counts of an answer: four characters of a request are a token, and so is each piece."""
        asked = json.dumps([self.ticket.body.get(key) for key in ("instructions", "input")])
        read = len(asked) // 4 + 1
        thought = len(tokens_of("".join(answer.thoughts)))
        written = len(tokens_of(answer.text)) + thought
        written += sum(len(call.arguments) // 4 + 1 for call in answer.calls)
        counts: Event = {
            "input_tokens": read,
            "input_tokens_details": {"cached_tokens": read // 2},
            "output_tokens": written,
            "output_tokens_details": {"reasoning_tokens": thought},
            "total_tokens": read + written,
            "num_sources_used": 0,
            "num_server_side_tools_used": len(answer.searches),
            "context_details": {"input_tokens": read, "output_tokens": written},
        }
        ticks = self.ticket.ticks
        if ticks is None:
            ticks = ticks_of(counts, self.ticket.model, answer.searches)
        return counts | {"cost_in_usd_ticks": ticks} | dict(answer.usage)

    def _begin(self, item: Event) -> int:
        index = len(self.output)
        self.output.append(item | {"status": "in_progress"})
        self.say(
            "response.output_item.added", item=item | {"status": "in_progress"}, output_index=index
        )
        return index

    def _end(self, index: int, item: Event) -> None:
        self.output[index] = item | {"status": "completed"}
        self.say("response.output_item.done", item=self.output[index], output_index=index)
