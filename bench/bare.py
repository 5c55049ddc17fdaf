"""The bare app: what Quart-Trio on Hypercorn costs by itself, for the same events at the same pace.

It emits the very bytes that the gateway writes for a token, from memory, one ``yield`` each. A
question that wants no stream gets them in one piece. There is no upstream, no decoding and none of
the gateway's repairs. ``python3 -m bench.bare`` prints its port and runs until its input ends.
"""

from __future__ import annotations

import json
import socket
import sys
import time
from collections.abc import AsyncIterator
from typing import Any

import hypercorn.trio
import orjson
import trio
from hypercorn.config import Config
from quart import Response, request
from quart_trio import QuartTrio

from .tokens import PARAMETERS, now, token_text

__all__ = ["create_app", "main"]

MODEL = "grok-3-fast"
DONE = b"data: [DONE]\n\n"


def create_app() -> QuartTrio:
    app = QuartTrio(__name__, static_folder=None)

    @app.post("/v1/chat/completions")
    async def chat_completions() -> Response:
        body = json.loads(await request.get_data(cache=False))
        found = PARAMETERS.search(body["messages"][-1]["content"])
        asked = json.loads(found.group()) if found else {}
        if not body.get("stream"):
            return Response(_whole(asked), content_type="application/json")
        response = Response(_events(asked), content_type="text/event-stream")
        response.timeout = None  # Quart's default would cut it after 60 s
        return response

    return app


async def _events(asked: dict[str, Any]) -> AsyncIterator[bytes]:
    number, interval = asked.get("stream", 0), 1 / asked.get("rate", 50)
    before, after, role, finish = _rendered(f"chatcmpl-{number:024x}")
    # Trio's clock and the tokens' run at the same speed from different zeros.
    offset = now() - trio.current_time()
    due = trio.current_time() + asked.get("delay", 0)
    await trio.sleep_until(due)
    yield role
    for _ in range(asked.get("tokens", 1)):
        await trio.sleep_until(due)
        yield before + orjson.dumps(token_text(number, due + offset)) + after
        due += interval
    yield finish + DONE


def _whole(asked: dict[str, Any]) -> bytes:
    """An answer in one piece, in the gateway's form and of its length."""
    number, tokens = asked.get("stream", 0), asked.get("tokens", 1)
    text = "".join(token_text(number, now()) for _ in range(tokens))
    message = {"role": "assistant", "content": text, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    usage = {
        "prompt_tokens": 20,
        "completion_tokens": 7 * tokens,
        "total_tokens": 20 + 7 * tokens,
        "completion_tokens_details": {"reasoning_tokens": 0},
    }
    return orjson.dumps(
        {
            "id": f"chatcmpl-{number:024x}",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": MODEL,
            "choices": [choice],
            "usage": usage,
        }
    )


def _rendered(answer_id: str) -> tuple[bytes, bytes, bytes, bytes]:
    """Both sides of a token's text, the chunk with the role and the one with the end."""
    common = {
        "id": answer_id,
        "object": "chat.completion.chunk",
        "created": int(time.time()),
        "model": MODEL,
    }
    start = b"data: " + orjson.dumps(common)[:-1] + b',"choices":[{"index":0,"delta":'
    after = b'},"logprobs":null,"finish_reason":null}]}\n\n'
    role = start + b'{"role":"assistant","content":""' + after
    finish = start + b'{},"logprobs":null,"finish_reason":"stop"}]}\n\n'
    return start + b'{"content":', after, role, finish


async def _serve() -> None:
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    print(listener.getsockname()[1], flush=True)
    config = Config()
    config.bind = [f"fd://{listener.detach()}"]
    config.backlog = 1024
    config.accesslog = None
    config.loglevel = "WARNING"
    config.include_server_header = False
    config.keep_alive_timeout = 60
    config.graceful_timeout = 0
    over = trio.Event()

    async def until_stdin_ends() -> None:
        await trio.lowlevel.wait_readable(sys.stdin)
        over.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(until_stdin_ends)
        await hypercorn.trio.serve(create_app(), config, shutdown_trigger=over.wait, mode="asgi")


def main() -> None:
    trio.run(_serve)


if __name__ == "__main__":
    main()
