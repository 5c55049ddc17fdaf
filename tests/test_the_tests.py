"""What the tests owe each other and the next reader: see README.md in this folder."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent
PACKAGE = FOLDER.parent / "grokcore"
MODULES = sorted(str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*.py"))
TEST_MODULES = [name for name in MODULES if Path(name).name.startswith("test_")]


@cache
def tree_of(module: str) -> ast.Module:
    return ast.parse((FOLDER / module).read_text(encoding="utf-8"))


def imported(module: str) -> Iterator[str]:
    """The dotted names that a module imports from, and what it imports."""
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module or ''}.{alias.name}" for alias in node.names)


def test_no_module_imports_a_test_module() -> None:
    """A helper that two files need has a module of its own, where it is looked for."""
    names = {Path(name).stem for name in TEST_MODULES}
    found = [
        (module, name)
        for module in MODULES
        for name in imported(module)
        if names & {*name.split(".")}
    ]
    assert found == []


def test_every_test_says_its_rule() -> None:
    """In its docstring: what a user or the next engineer loses if it fails."""
    functions = [(module, node) for module in TEST_MODULES for node in tree_of(module).body]
    tests = [
        (module, node)
        for module, node in functions
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
    ]
    assert len(tests) > 1000
    assert [f"{module}: {node.name}" for module, node in tests if not ast.get_docstring(node)] == []


BY_SUBJECT = (
    "protocol/grok_socket",
    "protocol/pool",
    "runtime/completion",
    "runtime/lanes",
    "runtime/pool",
    "runtime/transport/curl",
)
"""Rooms whose tests are divided by what the whole room does, and not by its modules."""

TESTED_WITH = {
    "web/edge/quart_requests.py": "web/edge/test_leaving.py",
    "protocol/alerts/alert.py": "protocol/alerts/test_book.py",
    "protocol/alerts/kinds.py": "protocol/alerts/test_book.py",
    "protocol/alerts/standing.py": "protocol/alerts/test_book.py",
    "protocol/counters.py": "protocol/grok_web/test_decoder.py",
    "protocol/models.py": "test_config.py",
    "protocol/quota.py": "protocol/pool/test_quota.py",
    "protocol/tokens.py": "protocol/token_file/test_reading.py",
    **{
        f"protocol/browser_copy/{name}.py": "protocol/browser_copy/test_reading.py"
        for name in ("cmd_words", "posix_words", "powershell", "refusal", "requests")
    },
    "protocol/conversation/attachment_part.py": "protocol/conversation/test_attachments.py",
    "protocol/conversation/bounds.py": "protocol/dialects/openai_chat/test_request.py",
    "protocol/conversation/decoder.py": "protocol/grok_web/test_decoder.py",
    "protocol/conversation/events.py": "protocol/grok_web/test_decoder.py",
    "protocol/conversation/made_media.py": "protocol/official/test_media_answers.py",
    "protocol/conversation/extras.py": "protocol/dialects/test_extra_fields.py",
    "protocol/conversation/messages.py": "protocol/dialects/openai_chat/test_request.py",
    "protocol/conversation/tools.py": "protocol/grok_web/test_calls_in_answers.py",
    "protocol/dialects/ask.py": "protocol/dialects/openai_chat/test_request.py",
    "protocol/dialects/choice_fields.py": "protocol/dialects/test_tool_fields.py",
    "protocol/emulation/forms.py": "protocol/emulation/test_sieve.py",
    **{
        f"protocol/emulation/{name}.py": "protocol/emulation/test_sieve.py"
        for name in ("fences", "spellings", "tags", "written")
    },
    "protocol/emulation/declared.py": "protocol/emulation/test_calls.py",
    "protocol/emulation/wrapped.py": "protocol/emulation/test_bounded.py",
    "protocol/emulation/reading.py": "protocol/grok_web/test_calls_in_answers.py",
    "protocol/dialects/anthropic_errors.py": "protocol/dialects/test_error_forms.py",
    "protocol/dialects/anthropic_messages/content.py": (
        "protocol/dialects/anthropic_messages/test_writers.py"
    ),
    "protocol/dialects/anthropic_messages/published.py": (
        "protocol/dialects/anthropic_messages/test_kit.py"
    ),
    "protocol/dialects/anthropic_messages/stops.py": (
        "protocol/dialects/anthropic_messages/test_writers.py"
    ),
    "protocol/dialects/attachment_parts.py": "protocol/dialects/test_parts.py",
    "protocol/dialects/dialect.py": "protocol/dialects/openai_chat/test_dialect.py",
    "protocol/dialects/openai_chat/messages.py": "protocol/dialects/openai_chat/test_request.py",
    "protocol/dialects/openai_responses/assembly.py": (
        "protocol/dialects/openai_responses/test_writers.py"
    ),
    "protocol/dialects/openai_responses/echo.py": (
        "protocol/dialects/openai_responses/test_writers.py"
    ),
    "protocol/dialects/openai_responses/output_items.py": (
        "protocol/dialects/openai_responses/test_writers.py"
    ),
    "protocol/dialects/openai_responses/response_object.py": (
        "protocol/dialects/openai_responses/test_writers.py"
    ),
    "protocol/dialects/openai_errors.py": "protocol/dialects/test_error_forms.py",
    "protocol/dialects/part_table.py": "protocol/dialects/test_parts.py",
    "protocol/dialects/rendering.py": "protocol/dialects/test_media_markup.py",
    "protocol/grok_web/answer.py": "protocol/grok_web/test_decoder.py",
    "protocol/grok_web/answer_parts.py": "protocol/grok_web/test_decoder.py",
    "protocol/grok_web/attachment_names.py": "protocol/grok_web/test_prompt.py",
    "protocol/grok_web/identity.py": "protocol/grok_web/test_payload.py",
    "protocol/grok_web/stream_keys.py": "protocol/grok_web/test_decoder.py",
    **{
        f"protocol/official/{name}.py": "protocol/official/test_decoder.py"
        for name in ("answer", "calls", "endings", "event_types", "items", "own_tools")
    },
    "protocol/history/groups.py": "protocol/history/test_usage.py",
    "protocol/history/report.py": "protocol/history/test_usage.py",
    "protocol/history/steps.py": "protocol/history/test_usage.py",
    "protocol/languages/templates.py": "protocol/languages/test_catalogue.py",
    "protocol/pages.py": "protocol/grok_web/test_refusals.py",
    "protocol/recording/covering.py": "protocol/recording/test_redact.py",
    "protocol/recording/frame_texts.py": "protocol/recording/test_frames.py",
    "protocol/recording/masks.py": "protocol/recording/test_redact.py",
    "protocol/recording/pseudonyms.py": "protocol/recording/test_redact.py",
    "protocol/recording/values.py": "protocol/recording/test_redact.py",
    "protocol/recording/vocabulary.py": "protocol/recording/test_redact.py",
    "protocol/token_file/places.py": "protocol/token_file/test_reading.py",
    "protocol/urls/groks_hosts.py": "protocol/token_file/test_text.py",
    "runtime/alerts/target.py": "runtime/alerts/test_sender.py",
    "runtime/alerts/watch.py": "test_alerts.py",
    "runtime/disk/cache_use.py": "runtime/disk/test_media_cache.py",
    "runtime/disk/media_files.py": "runtime/disk/test_media_cache.py",
    "runtime/disk/media_folder.py": "runtime/disk/test_media_cache.py",
    "runtime/threads.py": "runtime/disk/test_disk_thread.py",
    "protocol/sharing/knowledge.py": "protocol/sharing/test_ownership.py",
    "protocol/sharing/kinds.py": "protocol/sharing/test_ownership.py",
    "runtime/sharing/table_seam.py": "runtime/sharing/test_sharer.py",
    "runtime/sharing/redis_faults.py": "runtime/sharing/test_redis_opening.py",
    "runtime/sharing/redis_link.py": "runtime/sharing/test_redis_table.py",
    "runtime/sharing/socket_table.py": "runtime/workers/test_hub.py",
    "runtime/workers/peers.py": "runtime/workers/test_hub.py",
    "runtime/workers/worker_peers.py": "runtime/workers/test_hub.py",
    "runtime/disk/finishing.py": "runtime/disk/test_state_keeper.py",
    "runtime/transport/recorded_exchange.py": "runtime/transport/test_recording.py",
    "runtime/transport/recorded_files.py": "runtime/transport/test_recording.py",
    "runtime/transport/seam.py": "runtime/transport/test_curl.py",
}
"""Modules without a test file of their own, and the file that tests them."""


def test_the_tests_mirror_the_package() -> None:
    """The test of ``runtime/disk/files.py`` is ``tests/runtime/disk/test_files.py``, or the table
    says where it is.
    """
    modules = [
        path.relative_to(PACKAGE)
        for half in ("protocol", "runtime")
        for path in sorted((PACKAGE / half).rglob("*.py"))
        if path.name != "__init__.py"
    ]
    assert len(modules) > 100
    assert [
        str(module)
        for module in modules
        if not (FOLDER / module.parent / f"test_{module.name}").exists()
        and not module.as_posix().startswith(tuple(f"{room}/" for room in BY_SUBJECT))
        and module.as_posix() not in TESTED_WITH
    ] == []


def test_the_table_leads_from_modules_to_tests() -> None:
    """A row whose module or test file has gone would send the next engineer nowhere."""
    assert [module for module in TESTED_WITH if not (PACKAGE / module).exists()] == []
    assert [test for test in TESTED_WITH.values() if not (FOLDER / test).exists()] == []
    assert [room for room in BY_SUBJECT if not (PACKAGE / room).is_dir()] == []
