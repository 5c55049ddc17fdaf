"""The language that a reader wants."""

from __future__ import annotations

import pytest
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from grokcore.protocol.languages.negotiate import (
    Language,
    asked_language,
    environment_language,
    set_language,
)

EN, ZH = Language.EN, Language.ZH


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", ZH),
        ("zh", ZH),
        ("zh-TW", ZH),
        ("ZH-Hans-CN;q=0.5", ZH),
        ("en-US,en;q=0.9,zh-CN;q=0.8", EN),
        ("de, en;q=0.3, zh;q=0.7", ZH),
        ("en;q=0.1 , zh ; q=0.2", ZH),
        ("zh;q=0", None),
        ("zh;q=0, en;q=0.2", EN),
        ("de-DE,de;q=0.9", None),
        ("*", None),
        ("", None),
        ("zhx", None),
        (";;,=zh", None),
        (f"{'de,' * 200}zh", None),
    ],
)
def test_a_header_names_the_language(header: str, language: Language | None) -> None:
    """Browsers and phones send their owner's languages by weight; SDKs send none."""
    assert asked_language(header) is language


@settings(deadline=None, max_examples=100)
@given(st.text())
def test_any_header_is_read(header: str) -> None:
    """A client may send anything."""
    asked_language(header)


@frozen
class Shell:
    """An environment, and the language of a command's output in it."""

    environ: dict[str, str]
    language: Language


@pytest.mark.parametrize(
    "case",
    [
        Shell({}, EN),
        Shell({"LANG": "zh_CN.UTF-8"}, ZH),
        Shell({"LANG": "zh_TW"}, ZH),
        Shell({"LANG": "de_DE.UTF-8"}, EN),
        Shell({"LANG": "zh_CN.UTF-8", "LC_MESSAGES": "en_US.UTF-8"}, EN),
        Shell({"LANG": "en_US.UTF-8", "LC_MESSAGES": "zh_CN"}, ZH),
        Shell({"LANG": "zh_CN.UTF-8", "LC_MESSAGES": "zh_CN", "LC_ALL": "C.UTF-8"}, EN),
        Shell({"LANG": "en_US.UTF-8", "LANGUAGE": "zh_CN:en"}, ZH),
        Shell({"LANG": "zh_CN.UTF-8", "LANGUAGE": "de:en:zh"}, EN),
        Shell({"LANG": "zh_CN.UTF-8", "LANGUAGE": "de"}, ZH),
        Shell({"LANG": "C", "LANGUAGE": "zh"}, EN),
        Shell({"LANG": "POSIX"}, EN),
        Shell({"LC_ALL": "", "LANG": "zh_CN@stroke"}, ZH),
    ],
    ids=lambda case: " ".join(f"{name}={value}" for name, value in case.environ.items()),
)
def test_the_environment_names_the_language(case: Shell) -> None:
    """As other programs of the system read it, so that a terminal speaks one language."""
    assert environment_language(case.environ) is case.language


def test_a_setting_names_a_language_or_leaves_it_open() -> None:
    """``auto`` is each reader's own."""
    assert [set_language(name) for name in ("auto", "en", "zh", "")] == [None, EN, ZH, None]
