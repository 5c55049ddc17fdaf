"""Coding agents at work on the demo: each task is three steps, and ends in a changed file."""

from __future__ import annotations

import faulthandler
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest
from attrs import frozen

from tests.held.agents.installed import Agents, Ran
from tests.server_process import started
from tests.servers import free_port

pytestmark = pytest.mark.on_demand

SERVE_S = 300


@pytest.fixture
def agents(agents_prefix: Path, tmp_path: Path) -> Iterator[Agents]:
    """The agents, with a demo and an empty home."""
    faulthandler.cancel_dump_traceback_later()
    port = free_port()
    with started(tmp_path, "--demo", "--port", str(port), seconds=SERVE_S):
        agents = Agents(agents_prefix, f"http://127.0.0.1:{port}", tmp_path)
        agents.prepare()
        yield agents


@frozen
class Client:
    """An agent, and the API that it speaks.

    :ivar beside: questions beside the work, such as one for a title.
    """

    name: str
    run: Callable[[Agents, str], Ran]
    beside: int = 0


def _sdk(provider: str, agents: Agents, task: str) -> Ran:
    return agents.sdk(provider, task)


def _opencode(package: str, agents: Agents, task: str) -> Ran:
    return agents.opencode(package, task)


CLIENTS = [
    Client("Codex (Responses)", Agents.codex),
    Client("Claude Code (Messages)", Agents.claude),
    *(
        Client(f"AI SDK ({name})", partial(_sdk, name))
        for name in ("openai", "anthropic", "openai-compatible")
    ),
    *(
        Client(f"opencode ({name})", partial(_opencode, f"@ai-sdk/{name}"), beside=1)
        for name in ("openai", "anthropic", "openai-compatible")
    ),
]

BEFORE = {
    "main.py": "total = 1\nif total > 0 and 'x' < 'y':\n    print(total)\n",
    "test_main.py": (
        "import unittest\n\n\nclass Test(unittest.TestCase):\n"
        "    def test(self):\n        open('ran.txt', 'w').close()\n"
    ),
}


@frozen
class Task:
    """A task, the file that it changes, and a piece of the agent's last words."""

    words: str
    file: str
    content: str
    said: str
    questions: int = 3


TASKS = [
    Task("Create hello.py that prints hi & <bye>", "hello.py", 'print("hi & <bye>")\n', "created"),
    Task(
        "Rename total to amount in main.py", "main.py",
        BEFORE["main.py"].replace("total", "amount"), "renamed",
    ),
    Task("Run the tests", "ran.txt", "", "The tests ran"),
]  # fmt: skip


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.words)
@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_an_agent_does_its_task(client: Client, task: Task, agents: Agents) -> None:
    """This is what the APIs are for: calls reach the agent to the character, their outcomes reach
    the model, and the loop ends.
    """
    for name, content in BEFORE.items():
        (agents.scratch / name).write_text(content)
    ran = client.run(agents, task.words)
    assert ran.code == 0, ran.output[-3000:]
    assert (agents.scratch / task.file).read_text() == task.content
    assert task.said in ran.output
    assert answered(agents.url) == task.questions + client.beside


def answered(url: str) -> int:
    """The number of questions that a server has answered; others make the test fail."""
    figures = re.findall(
        r"^grok2api_requests_total{code=\"(\w+)\".*} ([\d.]+)$",
        httpx.get(f"{url}/metrics").text,
        re.MULTILINE,
    )
    assert {code for code, _ in figures} == {"ok"}
    return int(sum(float(count) for _, count in figures))
