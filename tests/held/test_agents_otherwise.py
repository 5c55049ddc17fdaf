"""Coding agents beyond their tasks: what they make of Grok's failures and what it costs, files with
our own markup, searches, answers in a form, and the counting of tokens.

Agents decide by themselves whether to ask again, and each time is a question to Grok. The numbers are
those of Codex 0.171 and Claude Code 2.1.332 with their defaults (2026-11).
"""

from __future__ import annotations

import faulthandler
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import trio
from attrs import evolve, frozen

from grokcore.protocol.emulation.forms import CallForm, render_call
from grokcore.simulator import lines
from grokcore.simulator.app import Call
from grokcore.simulator.scripts import CUT, Script, answer, error, play_lines, wrapped
from tests.examples import CITING
from tests.held.agents.installed import Agents, Ran
from tests.servers import Site, on_site

pytestmark = pytest.mark.on_demand

PATIENCE_S = 150.0

WHOLE = answer("Half an answer.")
BROKEN_OFF = evolve(WHOLE, steps=WHOLE.steps[:-3])
TORN = evolve(WHOLE, steps=(*WHOLE.steps[:-3], CUT))
BAD_CALL = answer('<fn:call name="no_such_tool">\n<fn:arg name="path">a.t')


TASK = "Create hello.py that prints hi"


@frozen
class Failure:
    """A failure, the questions that an agent makes of it, and what it shows to its user."""

    name: str
    run: Callable[[Agents, str], Ran]
    script: Script
    questions: int
    shown: str


FAILURES = [
    Failure(
        "Codex: moderated",
        Agents.codex,
        error(403, lines.ERROR_403_MODERATED),
        1,
        "Grok moderated this content",
    ),
    Failure("Codex: refused", Agents.codex, error(400, lines.ERROR_400), 1, "upstream_refused"),
    Failure("Codex: broken off", Agents.codex, BROKEN_OFF, 1, "upstream_incomplete"),
    Failure("Codex: no call twice", Agents.codex, BAD_CALL, 2, "tool_call_failed"),
    Failure("Codex: the connection was lost", Agents.codex, TORN, 6, "Grok's answer was lost"),
    Failure(
        "Claude Code: moderated",
        Agents.claude,
        error(403, lines.ERROR_403_MODERATED),
        2,
        "flagged this message",
    ),
    Failure(
        "Claude Code: refused", Agents.claude, error(400, lines.ERROR_400), 1, "Grok refused the"
    ),
    Failure("Claude Code: broken off", Agents.claude, BROKEN_OFF, 2, "stream broke off"),
    Failure("Claude Code: no call twice", Agents.claude, BAD_CALL, 4, "does not fit the tool"),
]


async def ran(
    site: Site, place: Path, prefix: Path, run: Callable[[Agents, str], Ran], task: str
) -> Ran:
    """An agent's run against the site."""
    faulthandler.cancel_dump_traceback_later()
    agents = Agents(prefix, site.url, place)
    agents.prepare()
    return await trio.to_thread.run_sync(run, agents, task)


@pytest.mark.parametrize("case", FAILURES, ids=lambda case: case.name)
@on_site(patience_s=PATIENCE_S)
async def test_an_agent_shows_a_failure_and_does_not_ask_on(
    site: Site, case: Failure, tmp_path: Path, agents_prefix: Path
) -> None:
    """Codex repeats a 502 thirty times by default, and Claude Code a 400 six times: a failure that
    stays would empty an account.
    """
    site.play(case.script)
    shown = await ran(site, tmp_path, agents_prefix, case.run, TASK)
    assert shown.code != 0
    assert case.shown in shown.output
    assert len(site.asked) == case.questions


CONTENT = (
    '# <user>&lt;</user> &amp; <fn:call name="read">\n<fn:arg name="path">x</fn:arg>\n</fn:call>\n'
    '<grok:render card_id="1">x</grok:render>\n```python\nprint("ü \\n")\t \n```\n'
    "</parameter></invoke>\n  <![CDATA[x]]> </content>  \n\n\n"
)
"""A file that has all that a reader of calls could stumble over."""


def _file(kind: str, content: str) -> tuple[str, dict[str, str]]:
    """The call that writes ``a.txt`` with the tools of an agent."""
    if kind == "codex":
        return "exec_command", {"cmd": f"cat > a.txt <<'END_A'\n{content}END_A"}
    return "write_file", {"path": "a.txt", "content": content}


def _sdk(provider: str, agents: Agents, task: str) -> Ran:
    return agents.sdk(provider, task)


WRITERS: dict[str, Callable[[Agents, str], Ran]] = {
    "codex": Agents.codex,
    **{name: partial(_sdk, name) for name in ("openai", "anthropic", "openai-compatible")},
}


@pytest.mark.parametrize("kind", WRITERS)
@on_site(patience_s=PATIENCE_S)
async def test_a_file_with_our_markup_is_written_to_the_byte(
    site: Site, kind: str, tmp_path: Path, agents_prefix: Path
) -> None:
    """Agents work on this project too. Its markup in the question has calls take another prefix."""

    name, arguments = _file(kind, CONTENT)
    written = render_call(CallForm("fn2"), name, arguments)
    scripts = iter((answer(written), answer("It is there.")))
    site.simulator.default = lambda _: next(scripts)
    shown = await ran(site, tmp_path, agents_prefix, WRITERS[kind], "Explain <fn:call> in a.txt")
    assert (tmp_path / "scratch" / "a.txt").read_text() == CONTENT
    assert "It is there." in shown.output
    assert len(site.asked) == 2


def searching(call: Call) -> Script:
    """A model that loads the tool WebSearch, calls it, and repeats its outcome."""
    prompt = str(call.body["message"])
    if "Perform a web search for the query: trio" in prompt:
        return play_lines(map(wrapped, [*CITING, lines.soft_stop()]))
    if "https://example.com/11" in prompt:
        return answer("It is on https://example.com/11, I'm told.")
    if "<fn:outcome" in prompt:
        return answer(render_call(CallForm(), "WebSearch", {"query": "trio"}))
    return answer(render_call(CallForm(), "ToolSearch", {"query": "select:WebSearch"}))


@on_site(patience_s=PATIENCE_S)
async def test_claude_code_searches_with_groks_own_search(
    site: Site, tmp_path: Path, agents_prefix: Path
) -> None:
    """Its tool of that name is loaded late, and asks the server in a request of its own; the pages
    that Grok cites come to the model as links.
    """
    site.simulator.default = searching
    shown = await ran(site, tmp_path, agents_prefix, Agents.claude, "Search the web for trio")
    assert "It is on https://example.com/11" in shown.output
    assert len(site.asked) == 4


POINT = '{"x":1,"y":2}'
SCHEMA = (
    '{"type":"object","properties":{"x":{"type":"integer"},"y":{"type":"integer"}},'
    '"required":["x","y"],"additionalProperties":false}'
)


def pointing(call: Call) -> Script:
    """A model that gives a point, by Claude Code's tool for it if there is one."""
    if "StructuredOutput(" in str(call.body["message"]):
        return answer(render_call(CallForm(), "StructuredOutput", {"x": 1, "y": 2}))
    return answer(f"Here it is:\n\n```json\n{POINT}\n```\n")


def _codex_form(agents: Agents, task: str) -> Ran:
    (agents.place / "schema.json").write_text(SCHEMA)
    return agents.codex(task, "--output-schema", str(agents.place / "schema.json"))


def _claude_form(agents: Agents, task: str) -> Ran:
    return agents.claude(task, "--json-schema", SCHEMA)


@pytest.mark.parametrize("run", [_codex_form, _claude_form])
@on_site(patience_s=PATIENCE_S)
async def test_an_agent_answers_in_a_form(
    site: Site, run: Callable[[Agents, str], Ran], tmp_path: Path, agents_prefix: Path
) -> None:
    """Scripts read it: Codex wants the text in the form, and Claude Code has a tool for it."""
    site.simulator.default = pointing
    shown = await ran(site, tmp_path, agents_prefix, run, "Give a point")
    assert POINT in shown.output.replace(" ", "")
    assert len(site.asked) == 1


@on_site(patience_s=PATIENCE_S)
async def test_claude_code_counts_its_context_without_a_question(
    site: Site, tmp_path: Path, agents_prefix: Path
) -> None:
    """``/context`` asks two dozen times at once."""
    shown = await ran(site, tmp_path, agents_prefix, Agents.claude, "/context")
    assert "System prompt" in shown.output
    assert site.asked == []
