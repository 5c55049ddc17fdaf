"""LangChain's integration tests of chat models, over the three dialects of a server.

Left out, by name:

- sound, and pictures by their address: a server on loopback alone fetches none;
- JSON mode, which Anthropic's API lacks, and Anthropic's blocks, which OpenAI's lack;
- ``test_stream_time``, which times the replay of recorded answers (see tests/test_langchain.py).

The pictures and PDFs that the tests fetch are handed to them here.
"""

from __future__ import annotations

import base64
import os
from types import SimpleNamespace
from typing import Any

import pytest
from langchain_anthropic import ChatAnthropic
from langchain_openai import ChatOpenAI
from langchain_tests.integration_tests import ChatModelIntegrationTests, chat_models

MODEL = "grok-3-fast"

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
PDF = b"%PDF-1.1\ntrailer<</Root<</Pages<<>>>>>>\n"


@pytest.fixture(autouse=True)
def _no_internet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the tests a picture or a PDF for what they would fetch."""

    def get(url: str, **_: object) -> SimpleNamespace:
        return SimpleNamespace(content=PDF if url.endswith(".pdf") else PNG)

    monkeypatch.setattr(chat_models, "httpx", SimpleNamespace(get=get))


class Tests(ChatModelIntegrationTests):  # type: ignore[misc]
    """What is the same for all dialects."""

    @property
    def supports_image_inputs(self) -> bool:
        return True

    @property
    def supports_image_urls(self) -> bool:
        return False

    @property
    def supports_image_tool_message(self) -> bool:
        return True

    @property
    def supports_pdf_inputs(self) -> bool:
        return True

    @property
    def supports_pdf_tool_message(self) -> bool:
        return True

    @property
    def model_override_value(self) -> str:
        return "grok-4-fast"

    @property
    def supports_json_mode(self) -> bool:
        return True

    @property
    def has_tool_choice(self) -> bool:
        return True

    @property
    def has_tool_calling(self) -> bool:
        return True

    @property
    def has_structured_output(self) -> bool:
        return True


class TestChat(Tests):
    """Chat completions."""

    @property
    def chat_model_class(self) -> Any:
        return ChatOpenAI

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {
            "model": MODEL,
            "base_url": f"{os.environ['SERVER_URL']}/v1",
            "api_key": "key",
            "max_retries": 0,
            "use_responses_api": False,
            "stream_usage": True,
        }


class TestResponses(TestChat):
    """Responses."""

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {**super().chat_model_params, "use_responses_api": True}


class TestMessages(Tests):
    """Messages."""

    @property
    def chat_model_class(self) -> Any:
        return ChatAnthropic

    @property
    def supports_json_mode(self) -> bool:
        return False

    @property
    def supports_anthropic_inputs(self) -> bool:
        return True

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {
            "model": MODEL,
            "base_url": os.environ["SERVER_URL"],
            "api_key": "key",
            "max_retries": 0,
        }


del Tests
