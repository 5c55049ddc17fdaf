"""What an idle server has in memory, and what only its first use loads."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import free_port

ROOT = Path(__file__).parent.parent

READY_S = 60.0

PROGRAM = """
import linecache, sys
from grokcore.cli import main
code = main(sys.argv[1:])
generated = [name for name in linecache.cache if name.startswith("<attrs generated")]
print(*sys.modules, *(["generated"] if generated else []))
sys.exit(code)
"""


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> frozenset[str]:
    """The modules of a server with session tokens that became ready, and was stopped."""
    folder = tmp_path_factory.mktemp("idle")
    (folder / "tokens.json").write_text(json.dumps({"sso": {"idle": {}}}))
    (folder / "config.toml").write_text('[grok]\nbase_url = "http://127.0.0.1:9"\n')
    words = ["serve", "--port", str(free_port()), "--data-dir", str(folder / "data")]
    words += ["--config", str(folder / "config.toml"), "--tokens", str(folder / "tokens.json")]
    command = [sys.executable, "-c", PROGRAM, *words]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        assert server.stderr is not None
        said = next((line for line in server.stderr if " ready on " in line), "")
        server.terminate()
        modules, rest = server.communicate(timeout=READY_S)
    assert said, rest
    assert server.returncode == 0, rest
    return frozenset(modules.split())


@pytest.mark.parametrize(
    "unused",
    [
        r"protocol\.dialects\.anthropic_messages|web\.answers\.messages",
        r"protocol\.dialects\.openai_responses\.(?!failures|store)|web\.answers\.responses",
        r"protocol\.dialects\.openai_(videos|images)|web\.videos|web\.answers\.(official_)?images",
        r"protocol\.dialects\.openai_chat\.from_responses",
        r"protocol\.official\.(decoder|requests|tools)",
        r"runtime\.lanes\.official\.(lane|media_calls)",
        r"protocol\.recording|runtime\.transport\.record|cli\.records",
        r"simulator\.(?!demo_tokens)|cli\.check\.",
        r"runtime\.sharing|runtime\.workers\.(?!peers)|cli\.workers\.",
        r"runtime\.alerts",
    ],
)
def test_an_idle_server_does_without_what_nobody_has_asked_for(
    loaded: frozenset[str], unused: str
) -> None:
    """Each API but Chat Completions, and each lane that is off, takes memory from its first use."""
    pattern = re.compile(rf"grokcore\.(?:{unused})")
    assert sorted(filter(pattern.match, loaded)) == []


@pytest.mark.parametrize("package", ["rich", "coredis", "smtplib", "zoneinfo"])
def test_an_idle_server_does_without_packages_of_settings_and_commands(
    loaded: frozenset[str], package: str
) -> None:
    """They would cost it megabytes."""
    assert package not in loaded


def test_text_of_generated_methods_is_dropped(loaded: frozenset[str]) -> None:
    """attrs keeps it for debuggers."""
    assert "grokcore.web.app" in loaded  # the list is one of modules
    assert "generated" not in loaded
