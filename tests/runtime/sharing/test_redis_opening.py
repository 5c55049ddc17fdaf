"""What is wrong with a pool's Redis is said at the start, in a sentence without the password."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
import trio
import trustme
from attrs import evolve, field, frozen

from grokcore.protocol.sharing.redis_address import ShareAddress, share_url
from grokcore.runtime.sharing import redis_opening
from grokcore.runtime.sharing.redis_opening import ShareFault, check_redis, redis_table
from tests.redis_server import RedisServer, running_redis
from tests.scenarios import on_real_clock, run_on_real_clock
from tests.servers import free_port

SECRET = "sw0rdfish"


async def reason_against(address: ShareAddress, patience_s: float = 0.0) -> str:
    """The sentence, or "" for a Redis that can be used."""
    reason = ""
    try:
        await check_redis(address, "pool", patience_s=patience_s)
    except ShareFault as fault:
        reason = str(fault)
    assert SECRET not in reason
    return reason


@on_real_clock
async def test_a_redis_that_can_be_used_is_not_changed(redis_server: RedisServer) -> None:
    """A look leaves no server and no token behind."""
    assert await reason_against(redis_server.address) == ""
    assert redis_server.send("ZCARD", "grok2api:{pool}:servers") == b":0\r\n"


@frozen
class Case:
    """A reason, the address of a Redis (with its path, if there is none), and the rights of its
    default user.
    """

    name: str
    reason: str
    address: ShareAddress = field(factory=ShareAddress)
    acl: tuple[str, ...] = ()


CASES = [
    Case("no password", "wants a password", acl=("resetpass", f">{SECRET}")),
    Case(
        "wrong password",
        "refuses the password",
        ShareAddress(password=f"x{SECRET}"),
        ("resetpass", f">{SECRET}"),
    ),
    Case("wrong user", "refuses the user or the password", ShareAddress(user="x", password=SECRET)),
    Case("right password", "", ShareAddress(password=SECRET), ("resetpass", f">{SECRET}")),
    Case(
        "right user", "", ShareAddress(user="default", password=SECRET), ("resetpass", f">{SECRET}")
    ),
    Case("no such database", "has no database 99", ShareAddress(db=99)),
    Case("another database", "", ShareAddress(db=3)),
    Case("no scripts", "forbids its user a command", acl=("-eval",)),
    Case("other keys only", "forbids its user a command", acl=("resetkeys", "~mine:*")),
    Case("no INFO", "", acl=("-info",)),
    Case("no such file", "can't be reached", ShareAddress(path="/nowhere/redis.sock")),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@on_real_clock
async def test_what_is_wrong_is_said(redis_server: RedisServer, case: Case) -> None:
    """With the place, and never with the password."""
    redis_server.send("ACL", "SETUSER", "default", *case.acl)
    address = evolve(case.address, path=case.address.path or redis_server.address.path)
    reason = await reason_against(address)
    assert case.reason in reason
    assert bool(case.reason) == bool(reason)
    assert not reason or reason.startswith(f"The Redis at {address.place} ")


@on_real_clock
async def test_a_replica_is_refused(redis_server: RedisServer) -> None:
    """What is written there is lost."""
    redis_server.send("REPLICAOF", "127.0.0.1", "1")
    assert "is a replica" in await reason_against(redis_server.address)


@on_real_clock
async def test_a_port_that_nobody_listens_on_can_not_be_reached() -> None:
    """The first thing to look at."""
    address = ShareAddress("127.0.0.1", free_port(), password=SECRET)
    reason = await reason_against(address)
    assert reason == f"The Redis at {address.place} can't be reached: Connection refused"


@on_real_clock
async def test_a_name_that_nobody_knows_can_not_be_reached() -> None:
    """A mistyped host is named."""
    reason = await reason_against(ShareAddress("redis.invalid"))
    assert reason.startswith("The Redis at redis.invalid:6379 can't be reached: ")


def test_a_redis_that_is_started_at_the_same_time_is_waited_for(tmp_path: Path) -> None:
    """Machines start their services in any order."""
    server = RedisServer(tmp_path)

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.to_thread.run_sync, server.start)
            assert await reason_against(server.address, 20.0) == ""

    try:
        run_on_real_clock(main)
    finally:
        server.kill()


# Others that answer -----------------------------------------------------------------------------

HELLO = (
    b"%7\r\n+server\r\n+redis\r\n+version\r\n+VERSION\r\n+proto\r\n:3\r\n+id\r\n:1\r\n"
    b"+mode\r\n+standalone\r\n+role\r\n+master\r\n+modules\r\n*0\r\n"
)


def hello(version: str) -> Callable[[bytes], bytes]:
    """Answers to the commands of a Redis of *version*."""
    info = f"# Server\r\nredis_version:{version}\r\nrun_id:x\r\n".encode()

    def answer(command: bytes) -> bytes:
        if b"HELLO" in command:
            return HELLO.replace(b"VERSION", version.encode())
        if b"INFO" in command and b"SETINFO" not in command:
            return b"$%d\r\n%b\r\n" % (len(info), info)
        return b"-ERR no more\r\n"

    return answer


@frozen
class Other:
    """A server that is no Redis of ours: what it answers, and what is said."""

    name: str
    answer: Callable[[bytes], bytes]
    reason: str


OTHERS = [
    Other("redis 5", lambda _: b"-ERR unknown command `HELLO`\r\n", "version 6 or newer is needed"),
    Other("an old one that knows HELLO", hello("5.0.14"), "is too old (5.0.14)"),
    Other("web", lambda _: b"HTTP/1.1 400 Bad Request\r\n\r\n", "does not answer as a Redis"),
    Other("mail", lambda _: b"220 mail.example.com\r\n", "does not answer as a Redis"),
    Other("numbers", lambda _: b":7\r\n", "does not answer as a Redis"),
    Other("broken", lambda _: b"$x\r\n", "does not answer as a Redis"),
    Other("closing", lambda _: b"", "has closed the connection"),
    Other("loading", lambda _: b"-LOADING wait\r\n", "is still loading its data"),
    Other("elsewhere", lambda _: b"-MOVED 7 192.0.2.1:6379\r\n", "is a node of a cluster"),
]


@pytest.mark.parametrize("other", OTHERS, ids=lambda other: other.name)
@on_real_clock
async def test_another_server_is_no_redis_that_can_be_used(other: Other) -> None:
    """The wrong port, or the wrong version."""

    async def talk(stream: trio.SocketStream) -> None:
        while command := await stream.receive_some():
            if not (reply := other.answer(command)):
                return
            await stream.send_all(reply)

    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, talk, [listener])
        port = listener.socket.getsockname()[1]
        reason = await reason_against(ShareAddress("127.0.0.1", port, password=SECRET))
        nursery.cancel_scope.cancel()
    assert f" at 127.0.0.1:{port} " in reason
    assert other.reason in reason


# TLS --------------------------------------------------------------------------------------------


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """One that this process trusts."""
    made = trustme.CA()
    made.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv(ssl.get_default_verify_paths().openssl_cafile_env, str(tmp_path / "ca.pem"))
    return made


def test_a_redis_with_tls_is_spoken_to(tmp_path: Path, authority: trustme.CA) -> None:
    """If its certificate is trusted and has its name; else the reason is said."""
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(
        tmp_path / "redis.pem"
    )
    pem, port = str(tmp_path / "redis.pem"), free_port()
    files = ["--tls-cert-file", pem, "--tls-key-file", pem, "--tls-ca-cert-file", pem]

    async def main() -> None:
        assert await reason_against(share_url(f"rediss://localhost:{port}")) == ""
        wrong_name = await reason_against(share_url(f"rediss://127.0.0.1:{port}"))
        assert f"certificate of the Redis at 127.0.0.1:{port} is not trusted" in wrong_name
        plain = await reason_against(share_url(f"redis://localhost:{port}"))
        assert "has closed the connection" in plain

    with running_redis(tmp_path, "--tls-port", str(port), "--tls-auth-clients", "no", *files):
        run_on_real_clock(main)


@on_real_clock
async def test_a_server_without_tls_is_told_apart(authority: trustme.CA) -> None:
    """The address has an s too many."""

    async def talk(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.send_all(b"-ERR Protocol error\r\n")

    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, talk, [listener])
        port = listener.socket.getsockname()[1]
        reason = await reason_against(share_url(f"rediss://127.0.0.1:{port}"))
        nursery.cancel_scope.cancel()
    assert "does not speak TLS; without it, write redis://" in reason


# The package ------------------------------------------------------------------------------------


def test_without_the_package_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not installed unless somebody asks for it."""
    monkeypatch.setattr(redis_opening, "find_spec", lambda _: None)
    with pytest.raises(ShareFault, match="-m pip install 'coredis>=6"):
        redis_table(ShareAddress("a"), "pool")
