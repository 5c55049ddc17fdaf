"""Hosts in network namespaces of this machine, whose networks can be cut.

Each has two networks: one to clients and Grok, one to Redis. Both end on this machine.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest
from attrs import frozen

__all__ = ["Host", "hosts_of"]


@frozen
class Host:
    """A host.

    :ivar server: its address in the network to clients and Grok.
    :ivar grok: this machine's address in that network.
    :ivar redis: this machine's address in the network to Redis.
    """

    name: str
    cable: str
    server: str
    grok: str
    redis: str

    @property
    def within(self) -> tuple[str, ...]:
        """The beginning of a command line that runs on it."""
        return ("ip", "netns", "exec", self.name)

    def cut(self) -> None:
        """Break the network to Redis: packets are lost, and nobody is told."""
        _ip("link", "set", self.cable, "down")

    def heal(self) -> None:
        """Mend the network to Redis."""
        _ip("link", "set", self.cable, "up")


@contextmanager
def hosts_of(count: int) -> Iterator[Sequence[Host]]:
    """Some hosts, which are gone with the block. Where a machine does not allow namespaces the test
    is skipped.
    """
    if shutil.which("ip") is None or not _allowed():
        pytest.skip("this machine allows no network namespaces")
    hosts = [_host(number) for number in range(count)]
    try:
        for host in hosts:
            _build(host)
        yield hosts
    finally:
        for host in hosts:
            _ip("netns", "del", host.name, check=False)


def _allowed() -> bool:
    name = f"g2a{os.getpid()}t"
    made = _ip("netns", "add", name, check=False)
    return made and _ip("netns", "del", name, check=False)


def _host(number: int) -> Host:
    name, net = f"g2a{os.getpid()}n{number}", number + 1
    return Host(name, f"{name}r", f"10.213.{net}.2", f"10.213.{net}.1", f"10.214.{net}.1")


def _build(host: Host) -> None:
    _ip("netns", "add", host.name)
    _ip("-n", host.name, "link", "set", "lo", "up")
    for cable, here, there in (
        (f"{host.name}g", host.grok, host.server),
        (host.cable, host.redis, host.redis[:-1] + "2"),
    ):
        _ip("link", "add", cable, "type", "veth", "peer", "name", "e", "netns", host.name)
        _ip("-n", host.name, "link", "set", "e", "name", f"e{cable[-1]}")
        _ip("-n", host.name, "addr", "add", f"{there}/24", "dev", f"e{cable[-1]}")
        _ip("-n", host.name, "link", "set", f"e{cable[-1]}", "up")
        _ip("addr", "add", f"{here}/24", "dev", cable)
        _ip("link", "set", cable, "up")


def _ip(*words: str, check: bool = True) -> bool:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    assert not check or done.returncode == 0, done.stderr
    return done.returncode == 0
