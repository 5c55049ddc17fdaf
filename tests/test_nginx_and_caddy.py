"""The pieces for nginx and Caddy in docs/operations.md and deploy/, by these programs where they are
installed. tests/test_many_machines.py runs the one in deploy/.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import trustme

ROOT = Path(__file__).parents[1]
PATIENCE_S = 30.0

pytestmark = pytest.mark.once


def piece(language: str) -> str:
    """The code block of a language."""
    text = (ROOT / "docs" / "operations.md").read_text("utf-8")
    (found,) = re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)
    return str(found)


def needed(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)


def version_of(nginx: str) -> tuple[int, ...]:
    match = re.search(r"nginx/([\d.]+)", run(nginx, "-v").stderr)
    assert match is not None
    return tuple(map(int, match[1].split(".")))


def shipped(name: str) -> str:
    return (ROOT / "deploy" / name).read_text("utf-8")


NGINX = pytest.mark.parametrize(
    "text", [piece("nginx"), shipped("nginx-many.conf")], ids=["one server", "several"]
)


@NGINX
def test_nginx_takes_its_piece(text: str, tmp_path: Path) -> None:
    """As it stands from 1.25.1 on; before, in the form that its comment gives."""
    nginx = needed("nginx")
    if version_of(nginx) < (1, 25, 1):
        text = re.sub(r"^ *http2 on;.*\n", "", text, flags=re.MULTILINE)
        text = text.replace("listen 443 ssl;", "listen 443 ssl http2;")
    issued = trustme.CA().issue_cert("grok.example.com")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "fullchain.pem")
    issued.private_key_pem.write_to_path(tmp_path / "privkey.pem")
    text = text.replace("/etc/letsencrypt/live/grok.example.com", str(tmp_path))
    places = "".join(
        f"{name}_temp_path {tmp_path / name};\n"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (tmp_path / "nginx.conf").write_text(
        f"pid {tmp_path}/pid;\nerror_log stderr;\nevents {{}}\nhttp {{\naccess_log off;\n{places}{text}}}\n"
    )
    done = run(nginx, "-t", "-q", "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf"))
    assert (done.returncode, re.sub(r".*could not open error log.*\n", "", done.stderr)) == (0, "")


@NGINX
def test_the_older_form_is_the_one_that_the_comment_gives(text: str) -> None:
    """Debian 12 has nginx 1.22, for which the newer form is a fault."""
    assert "http2 on;" in text
    assert "`listen 443 ssl http2;`" in text


def test_caddy_takes_its_piece(tmp_path: Path) -> None:
    """Without a warning."""
    caddy = needed("caddy")
    (tmp_path / "Caddyfile").write_text(piece("caddyfile"))
    done = run(caddy, "adapt", "--config", str(tmp_path / "Caddyfile"))
    assert done.returncode == 0, done.stderr
    assert "127.0.0.1:8000" in done.stdout
