"""LangChain's integration tests of chat models, over the three dialects of a server.

Left out: what needs files of the internet (pictures and PDFs by URL), and sound.
"""

from __future__ import annotations

import os
from typing import Any

from langchain_anthropic import ChatAnthropic
from langchain_openai import ChatOpenAI
from langchain_tests.integration_tests import ChatModelIntegrationTests

MODEL = "grok-3-fast"


class Tests(ChatModelIntegrationTests):  # type: ignore[misc]
    """What is the same for all dialects."""

    @property
    def supports_image_inputs(self) -> bool:
        return False  # the test fetches its picture from the internet

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
        return False  # Anthropic has none

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {
            "model": MODEL,
            "base_url": os.environ["SERVER_URL"],
            "api_key": "key",
            "max_retries": 0,
        }


del Tests
