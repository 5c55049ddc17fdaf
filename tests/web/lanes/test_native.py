"""Parts of a question that an official lane passes on as they are, with the real SDK."""

from __future__ import annotations

import base64
import json
from typing import Any

import openai

from grokcore.simulator.official.answers import Answer
from tests.examples import PNG, data_url
from tests.servers import Site, on_site

from .paid_site import API, MODEL, questions

PDF = b"%PDF-1.4\n%%EOF\n"


def client_of(site: Site) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{site.url}/v1", api_key="none", max_retries=0)


def parts_of(site: Site) -> list[dict[str, Any]]:
    """The parts of the last message that xAI got."""
    parts: list[dict[str, Any]] = questions(site)[-1].body["input"][-1]["content"]
    return parts


@on_site(official=True, config=API)
async def test_a_schema_goes_out_as_one_and_its_answer_comes_back(site: Site) -> None:
    """xAI keeps the form; nothing is asked for a second time."""
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    }
    site.official.script(MODEL, Answer(text='{"city": "Paris"}'))
    async with client_of(site) as client:
        reply = await client.chat.completions.create(
            model=MODEL,
            messages=[{"role": "user", "content": "Where?"}],
            response_format={
                "type": "json_schema",
                "json_schema": {"name": "place", "schema": schema},
            },
            temperature=0.25,
            max_completion_tokens=500,
        )
    assert json.loads(reply.choices[0].message.content or "") == {"city": "Paris"}
    (asked,) = (call.body for call in questions(site))
    form = asked["text"]["format"]
    assert (form["type"], form["name"], form["schema"]) == ("json_schema", "place", schema)
    assert (asked["temperature"], asked["max_output_tokens"]) == (0.25, 500)


@on_site(official=True, config=API)
async def test_a_picture_stands_in_the_question_and_a_pdf_goes_up_once(site: Site) -> None:
    """With the bytes that the client sent, and as files that its model can look at."""
    pdf = f"data:application/pdf;base64,{base64.b64encode(PDF).decode()}"
    async with client_of(site) as client:
        for _ in range(2):
            await client.responses.create(
                model=MODEL,
                input=[
                    {
                        "role": "user",
                        "content": [
                            {"type": "input_text", "text": "Look."},
                            {"type": "input_image", "image_url": data_url(PNG), "detail": "auto"},
                            {"type": "input_file", "file_data": pdf, "filename": "a.pdf"},
                        ],
                    }
                ],
            )
    by_type = {part["type"]: part for part in parts_of(site)}
    assert by_type["input_text"]["text"] == "Look."
    sent = by_type["input_image"]["image_url"].partition(",")[2]
    assert base64.b64decode(sent) == PNG
    assert by_type["input_file"]["file_id"]
    (upload,) = site.official.asked("/files")
    assert PDF in upload.raw


@on_site(official=True, config=API)
async def test_a_response_is_gone_on_from_by_this_servers_own_memory(site: Site) -> None:
    """xAI stores nothing, and gets the whole conversation."""
    site.official.script(MODEL, Answer(text="Blue."), Answer(text="You asked for a colour."))
    async with client_of(site) as client:
        first = await client.responses.create(model=MODEL, input="A colour?")
        second = await client.responses.create(
            model=MODEL, input="What did I ask?", previous_response_id=first.id
        )
    assert second.output_text == "You asked for a colour."
    assert second.usage is not None
    assert second.usage.input_tokens > 0
    last = questions(site)[-1].body
    assert "previous_response_id" not in last
    assert last["store"] is False
    texts = [part["text"] for item in last["input"] for part in item["content"]]
    assert texts == ["A colour?", "Blue.", "What did I ask?"]
