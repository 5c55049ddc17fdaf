"""Agents from npm's registry, and their runs in a scratch folder.

Their home is empty but for the settings that lead them to a server on loopback. All other hosts are
behind a proxy that does not exist.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

from attrs import frozen

__all__ = ["AGENTS", "SDK", "Agents", "Ran", "install"]

AGENTS = ("@openai/codex@latest", "@anthropic-ai/claude-code@latest", "opencode-ai@latest")
SDK = ("ai", "@ai-sdk/openai", "@ai-sdk/anthropic", "@ai-sdk/openai-compatible")

INSTALL_S = 600
RUN_S = 120

MODEL = "grok-3-fast"

CODEX_SETTINGS = """\
model = "{model}"
model_provider = "local"
check_for_update_on_startup = false
[analytics]
enabled = false
[model_providers.local]
name = "local"
base_url = "{url}/v1"
wire_api = "responses"
"""

OPENCODE_FLAGS = ("MODELS_FETCH", "AUTOUPDATE", "DEFAULT_PLUGINS", "LSP_DOWNLOAD")
"""What opencode would fetch: ``OPENCODE_DISABLE_…``."""


def install(prefix: Path) -> str:
    """Install the agents below *prefix*. Returns npm's complaint; empty if they are there.

    The variable ``AGENTS_NPM_PREFIX`` names a folder that has them already.
    """
    if shutil.which("npm") is None:
        return "there is no npm"
    if "AGENTS_NPM_PREFIX" in os.environ:
        prefix.rmdir()
        prefix.symlink_to(os.environ["AGENTS_NPM_PREFIX"])
        return ""
    options = ("--prefix", str(prefix), "--no-audit", "--no-fund", "--loglevel=error")
    try:
        done = subprocess.run(
            ["npm", "install", *options, *AGENTS, *SDK],
            capture_output=True,
            text=True,
            timeout=INSTALL_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"npm took more than {INSTALL_S} s"
    return done.stderr[-300:] if done.returncode else ""


@frozen
class Ran:
    """What an agent wrote, and the exit code of its process."""

    output: str
    code: int


@frozen
class Agents:
    """Installed agents.

    :ivar prefix: npm's.
    :ivar url: of the server.
    :ivar place: an empty folder for homes and scratch folders.
    """

    prefix: Path
    url: str
    place: Path

    @property
    def scratch(self) -> Path:
        """The folder that agents work in."""
        return self.place / "scratch"

    def prepare(self) -> None:
        """Make the folders, and the settings that are files."""
        self.scratch.mkdir()
        codex = self.place / "home" / ".codex"
        codex.mkdir(parents=True)
        (codex / "config.toml").write_text(CODEX_SETTINGS.format(url=self.url, model=MODEL))

    def codex(self, task: str, *more: str) -> Ran:
        """A run of Codex."""
        flags = ("--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox")
        return self._run(str(self._bin("codex")), "exec", *flags, *more, task)

    def claude(self, task: str, *more: str) -> Ran:
        """A run of Claude Code."""
        allowed = ("--allowedTools", "Bash Edit Write Read WebSearch")
        return self._run(str(self._bin("claude")), "-p", task, "--model", MODEL, *allowed, *more)

    def opencode(self, package: str, task: str) -> Ran:
        """A run of opencode.

        :param package: the AI SDK's, for the API that opencode speaks.
        """
        options = {"baseURL": f"{self.url}/v1", "apiKey": "none"}
        models = {MODEL: {"name": "Grok", "limit": {"context": 131072, "output": 8192}}}
        provider = {"npm": package, "name": "local", "options": options, "models": models}
        name = f"local/{MODEL}"
        (self.place / "opencode.json").write_text(
            json.dumps({"model": name, "small_model": name, "provider": {"local": provider}})
        )
        return self._run(str(self._bin("opencode")), "run", task)

    def sdk(self, provider: str, task: str) -> Ran:
        """A run of an agent of the AI SDK, which lies where its packages are."""
        script = self.place / "loop.mjs"
        script.write_bytes((Path(__file__).parent / "loop.mjs").read_bytes())
        modules = self.place / "node_modules"
        if not modules.exists():
            modules.symlink_to(self.prefix / "node_modules")
        return self._run("node", str(script), provider, self.url, task)

    def _bin(self, name: str) -> Path:
        return self.prefix / "node_modules" / ".bin" / name

    def _run(self, *command: str) -> Ran:
        done = subprocess.run(
            command,
            cwd=self.scratch,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=RUN_S,
            check=False,
        )
        return Ran(done.stdout, done.returncode)

    def _environment(self) -> dict[str, str]:
        home = str(self.place / "home")
        dead = "http://127.0.0.1:9"
        return {
            "PATH": os.environ["PATH"],
            "HOME": home,
            "CODEX_HOME": f"{home}/.codex",
            "HTTP_PROXY": dead,
            "HTTPS_PROXY": dead,
            "NO_PROXY": "127.0.0.1,localhost",
            "ANTHROPIC_BASE_URL": self.url,
            "ANTHROPIC_API_KEY": "none",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_AUTOUPDATER": "1",
            "DISABLE_TELEMETRY": "1",
            "DISABLE_ERROR_REPORTING": "1",
            "OPENCODE_CONFIG": str(self.place / "opencode.json"),
            **{f"OPENCODE_DISABLE_{name}": "1" for name in OPENCODE_FLAGS},
        }
