"""Coding agents at work on the demo: each task is three steps, and ends in a changed file."""

from __future__ import annotations

import faulthandler
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from attrs import frozen

from tests.held.agents.installed import Agents, install
from tests.server_process import started
from tests.servers import free_port

pytestmark = pytest.mark.on_demand

SERVE_S = 300


@pytest.fixture(scope="module")
def prefix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """npm's folder with the agents."""
    faulthandler.cancel_dump_traceback_later()  # npm takes minutes
    folder = tmp_path_factory.mktemp("npm")
    fault = install(folder)
    if fault:
        pytest.skip(f"the agents can't be installed: {fault}")
    return folder


@pytest.fixture
def agents(prefix: Path, tmp_path: Path) -> Iterator[Agents]:
    """The agents, with a demo and an empty home."""
    faulthandler.cancel_dump_traceback_later()
    port = free_port()
    with started(tmp_path, "--demo", "--port", str(port), seconds=SERVE_S):
        agents = Agents(prefix, f"http://127.0.0.1:{port}", tmp_path)
        agents.prepare()
        yield agents


@frozen
class Client:
    """An agent, and the API that it speaks."""

    name: str
    run: Callable[[Agents, str], str]


CLIENTS = [
    Client("Codex (Responses)", Agents.codex),
    Client("Claude Code (Messages)", Agents.claude),
    Client("AI SDK (Responses)", lambda agents, task: agents.sdk("openai", task)),
    Client("AI SDK (Messages)", lambda agents, task: agents.sdk("anthropic", task)),
    Client("AI SDK (chat)", lambda agents, task: agents.sdk("openai-compatible", task)),
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
    said = client.run(agents, task.words)
    assert (agents.scratch / task.file).read_text() == task.content
    assert task.said in said
