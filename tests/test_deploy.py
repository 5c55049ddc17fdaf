"""The image and the compose file: there is no engine to run them here, so what they say is done
without one.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import yaml

from grokcore.cli import main
from tests.packaging_world import ROOT, Made, copied, stages
from tests.servers import free_port

pytestmark = pytest.mark.once

COMPOSE = ROOT / "deploy" / "docker-compose.yml"


def last(word: str) -> str:
    """The last instruction of a kind in the stage that becomes the image."""
    return [step.rest for step in stages()[-1] if step.word == word][-1]


def health_command() -> list[str]:
    found: list[str] = json.loads(last("HEALTHCHECK").partition(" CMD ")[2])
    return found


@pytest.fixture(scope="module")
def service() -> dict[str, Any]:
    """The one service of the compose file."""
    services = yaml.safe_load(COMPOSE.read_text("utf-8"))["services"]
    assert list(services) == ["grok2api"]
    found: dict[str, Any] = services["grok2api"]
    return found


# The image --------------------------------------------------------------------------------------


def test_only_known_instructions_are_used() -> None:
    """What these tests do not understand they do not prove."""
    known = {
        "FROM",
        "WORKDIR",
        "COPY",
        "RUN",
        "ENV",
        "USER",
        "EXPOSE",
        "HEALTHCHECK",
        "ENTRYPOINT",
        "CMD",
    }
    assert {step.word for stage in stages() for step in stage} <= known
    assert not any(step.rest.endswith("\\") for stage in stages() for step in stage)


def test_what_is_copied_is_there_and_sent_to_the_builder() -> None:
    """.dockerignore excludes everything and lets these through: no token can get into a layer."""
    first, *let_in = [
        line
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line[:1] not in ("#", "")
    ]
    assert first == "*"
    assert {line[1:] for line in let_in if line.startswith("!")} == set(copied())
    assert all((ROOT / name).exists() for name in copied())


def test_the_steps_make_an_environment_from_what_is_copied(installed: Made) -> None:
    """Run as they stand, in a folder with nothing else in it; and the image takes it from there."""
    assert installed.code == 0, installed.err
    assert f"COPY --from=build {PurePosixPath('/venv')} /venv" in {
        f"{step.word} {step.rest}" for step in stages()[-1]
    }
    assert last("ENV") == "PATH=/venv/bin:$PATH"
    assert (installed.path / "bin" / json.loads(last("ENTRYPOINT"))[0]).exists()
    assert not (installed.path / "bin" / "pip").exists()


def test_the_image_runs_as_nobody_in_particular_and_holds_no_secret() -> None:
    """A user by number needs no entry; no key has a default."""
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", last("USER"))
    assert not re.search(
        "KEY|TOKEN|SECRET",
        " ".join(step.rest for stage in stages() for step in stage),
        re.IGNORECASE,
    )


def test_the_image_does_not_start_without_a_key(installed: Made, tmp_path: Path) -> None:
    """It listens for everybody; the line names the key."""
    (name,) = json.loads(last("ENTRYPOINT"))
    command = [installed.path / "bin" / name, *json.loads(last("CMD"))]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=tmp_path, env={}, timeout=60, check=False
    )
    assert done.returncode == 78
    assert "[grok] api_key must be set" in done.stderr


def test_the_health_check_tells_a_server_from_none(installed: Made, tmp_path: Path) -> None:
    """Run with the image's own Python, through no proxy."""
    port = free_port()
    environ = {
        "PATH": f"{installed.path}/bin:{os.environ['PATH']}",
        "GROK2API_SERVER_PORT": str(port),
    }
    environ["http_proxy"] = "http://127.0.0.1:9"

    def healthy() -> bool:
        done = subprocess.run(
            health_command(),
            env=environ,
            cwd=tmp_path,
            capture_output=True,
            timeout=60,
            check=False,
        )
        return done.returncode == 0

    assert not healthy()
    server = subprocess.Popen(
        ["grok2api", "--demo"],
        env=environ,
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        executable=None,
    )
    try:
        assert server.stderr is not None
        assert " ready on " in server.stderr.readline()
        assert healthy()
        server.terminate()
        assert server.wait(60) == 0
    finally:
        server.kill()
        server.communicate()


# The compose file -------------------------------------------------------------------------------


def test_the_compose_file_builds_that_image(service: dict[str, Any]) -> None:
    """Its paths are relative to the folder that it is in."""
    context = (COMPOSE.parent / service["build"]["context"]).resolve()
    assert context == ROOT
    assert (context / service["build"]["dockerfile"]).is_file()


def test_the_folders_are_where_the_server_looks(service: dict[str, Any]) -> None:
    """data and logs of the checkout, as with the original project; the server finds data/ from
    where it is started.
    """
    mounted = dict(volume.split(":") for volume in service["volumes"])
    assert {(COMPOSE.parent / place).resolve(): inside for place, inside in mounted.items()} == {
        ROOT / "data": f"{last('WORKDIR')}/data",
        ROOT / "logs": f"{last('WORKDIR')}/logs",
    }
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert {"/data/", "/logs/", "/deploy/.env"} <= set(ignored)


def test_nothing_starts_without_a_key_of_the_user_s(service: dict[str, Any]) -> None:
    """Compose itself stops, and says why: the port is everybody's."""
    assert re.fullmatch(
        r"\$\{GROK2API_GROK_API_KEY:\?[^}]+\}", service["environment"]["GROK2API_GROK_API_KEY"]
    )
    assert service["ports"] == [f"8000:{last('EXPOSE')}"]


def test_the_container_can_write_to_its_folders_and_tmp_only(service: dict[str, Any]) -> None:
    """And has no privilege to change that."""
    assert service["read_only"] is True
    assert service["tmpfs"] == ["/tmp"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


# The guide --------------------------------------------------------------------------------------


def test_the_guide_names_what_there_is() -> None:
    """Files, headings, variables and the flags of build."""
    guide = (ROOT / "docs" / "install.md").read_text("utf-8")
    headings = {
        re.sub(r"[^a-z ]", "", line.lower()).strip().replace(" ", "-")
        for line in re.findall("^## (.+)", guide, re.MULTILINE)
    }
    for target in re.findall(r"\]\(([^)]+)\)", guide):
        name, _, heading = target.partition("#")
        assert heading in headings if not name else (ROOT / "docs" / name).exists(), target
    assert set(re.findall(r"GROK2API_\w+", guide)) <= set(
        re.findall(r"GROK2API_\w+", COMPOSE.read_text("utf-8"))
    )
    with pytest.raises(SystemExit, match=r"^0$"):
        main(["build", "--python", "3", "--output", "x", "--help"])
