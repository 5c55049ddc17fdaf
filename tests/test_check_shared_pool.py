"""``serve`` and ``check`` with ``[pool] share``."""

from __future__ import annotations

from pathlib import Path

import pytest

from grokcore.cli import main
from tests.cli_place import lay_out, place
from tests.redis_server import RedisServer
from tests.servers import free_port

__all__ = ["place"]

Capture = pytest.CaptureFixture[str]


def share(place: Path, url: str) -> None:
    lay_out(
        place,
        {
            "config.toml": f'[server]\nport = {free_port()}\n[pool]\nshare = "{url}"\n'
            f'[grok]\nbase_url = "http://127.0.0.1:{free_port()}"\n',
            "tokens.json": '["sso-1"]',
        },
    )


@pytest.mark.parametrize("command", ["serve", "check"])
def test_a_redis_that_cannot_be_used_ends_it_with_78(
    command: str, place: Path, redis_server: RedisServer, capsys: Capture
) -> None:
    """The line names the file, the setting and the reason, and not the password."""
    redis_server.send("CONFIG", "SET", "requirepass", "right")
    share(place, redis_server.url)
    assert main([command]) == 78
    told = "".join(capsys.readouterr())
    assert "wants a password" in told
    if command == "serve":
        assert "config.toml: [pool] share: " in told


def test_a_wrong_address_is_red(place: Path, capsys: Capture) -> None:
    """``check`` does not wait as a start does, which another start may precede."""
    share(place, f"redis://:wr0ngpassw0rd@127.0.0.1:{free_port()}")
    assert main(["check"]) == 78
    told = "".join(capsys.readouterr())
    assert "can't be reached" in told
    assert "wr0ngpassw0rd" not in told


def test_a_redis_that_can_be_used_is_green(
    place: Path, redis_server: RedisServer, capsys: Capture
) -> None:
    """``check`` names its place."""
    share(place, redis_server.url)
    main(["check"])
    assert f"the Redis at {redis_server.address.path} can be used" in capsys.readouterr().out
