"""Chat completions end to end: real sockets, a simulated Grok, the real OpenAI SDK and curl."""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess

import openai
import pytest
import trio
from attrs import frozen

from grokcore.protocol.models import SHIPPED
from grokcore.simulator import lines
from grokcore.simulator.scripts import Script, answer, answer_lines, error, gzipped, play_lines, recut, tokens_of
from tests.servers import Site, chat, on_site

TEXT = "Hello 世界 — <b>bold</b> & 😄 done."


def sdk(site: Site, **options: object) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{site.url}/v1", api_key="any", max_retries=0, **options)  # type: ignore[arg-type]


def data_lines(body: str) -> list[str]:
    return [line.removeprefix("data: ") for line in body.split("\n") if line.startswith("data: ")]


# The real clients -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", SHIPPED)
def test_the_openai_sdk_gets_every_model_whole_and_streamed(model: str) -> None:
    """Both forms have the same text, the model's name as asked for, and an end that the SDK takes for one."""

    def ask(site: Site) -> None:
        with sdk(site) as client:
            messages = [{"role": "user", "content": "hi"}]
            whole = client.chat.completions.create(model=model, messages=messages)  # type: ignore[call-overload]
            assert (whole.choices[0].message.content, whole.model) == (TEXT, model)
            assert whole.choices[0].finish_reason == "stop"
            assert whole.usage.completion_tokens > 0
            with client.chat.completions.stream(
                model=model,
                messages=messages,  # type: ignore[arg-type]
                stream_options={"include_usage": True},
            ) as stream:
                final = stream.get_final_completion()
            assert final.choices[0].message.content == TEXT
            assert final.choices[0].message.role == "assistant"
            assert final.usage is not None
            assert final.usage == whole.usage

    async def scenario(site: Site) -> None:
        site.simulator.always(answer(TEXT))
        await trio.to_thread.run_sync(ask, site)

    on_site(scenario)


def test_curl_gets_an_answer_as_in_the_readme() -> None:
    """curl, streaming, without a content type: any JSON body is taken."""
    curl = shutil.which("curl")
    assert curl is not None

    async def scenario(site: Site) -> None:
        site.simulator.always(answer(TEXT))
        command = [curl, "-sSN", f"{site.url}/v1/chat/completions", "-d", json.dumps(chat("hi", stream=True))]
        output = (await trio.run_process(command, capture_stdout=True)).stdout.decode()
        assert output.endswith("data: [DONE]\n\n")
        texts = [json.loads(line)["choices"][0]["delta"].get("content", "") for line in data_lines(output)[:-1]]
        assert "".join(texts) == TEXT

    on_site(scenario)
