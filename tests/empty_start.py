"""One start of the server where there is nothing: a program for :mod:`tests.packaging_world`,
standard library only.

Its one argument is JSON: ``command`` (run in ``folder``, which is made read-only), ``environ`` (all
of it) and ``ask``: whether to wait for the server and ask it a question, or for the program's end.
It prints what happened as JSON. Under ``unshare --net --mount`` there is no network but loopback,
which is down at first.
"""

from __future__ import annotations

import fcntl
import http.client
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

SIOCSIFFLAGS, IFF_UP = 0x8914, 1
PATIENCE_S = 60.0


def bring_loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))


def make_read_only(folder: str) -> None:
    for options in (["--bind", folder], ["-o", "remount,ro,bind"]):
        subprocess.run(["mount", *options, folder], check=True, timeout=PATIENCE_S)


def is_there_a_network() -> bool:
    """An address of documentation: nothing is sent anywhere, but with a network there is a way to
    it.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        try:
            any_socket.connect(("192.0.2.1", 9))
        except OSError:
            return False
        return True


def question(port: int) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    body = {"model": "grok-4.1", "messages": [{"role": "user", "content": "herring"}]}
    connection.request("POST", "/v1/chat/completions", json.dumps(body))
    answer: str = json.load(connection.getresponse())["choices"][0]["message"]["content"]
    return answer


def processor_time(pid: int) -> float:
    """Seconds that a process has computed, with its children that have ended; it may have become
    another program.
    """
    ticks = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:15]
    return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")


def serve(process: subprocess.Popen[str], began: float) -> dict[str, Any]:
    assert process.stderr is not None
    said = ""
    for line in process.stderr:
        said += line
        ready = re.search(r" ready on http://127\.0\.0\.1:(\d+) ", line)
        if ready:
            told: dict[str, Any] = {
                "ready_s": time.perf_counter() - began,
                "computed_s": processor_time(process.pid),
            }
            told["answer"] = question(int(ready[1]))
            told["python"] = os.path.realpath(f"/proc/{process.pid}/exe")
            process.send_signal(signal.SIGTERM)
            break
    else:
        told = {}
    out, err = process.communicate()
    return {**told, "out": out, "err": said + err, "code": process.returncode}


def main() -> None:
    asked = json.loads(sys.argv[1])
    if asked["alone"]:
        bring_loopback_up()
        make_read_only(asked["folder"])
    began = time.perf_counter()
    process = subprocess.Popen(
        asked["command"],
        cwd=asked["folder"],
        env=asked["environ"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    watchdog = threading.Timer(PATIENCE_S, process.kill)
    watchdog.start()
    try:
        told = serve(process, began)
    finally:
        watchdog.cancel()
        process.kill()
    told["writable"] = os.access(asked["folder"], os.W_OK)
    told["network"] = is_there_a_network()
    print(json.dumps(told))


if __name__ == "__main__":
    main()
