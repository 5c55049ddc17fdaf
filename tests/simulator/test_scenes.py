"""Questions on which the demo shows something."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from attrs import frozen

from grokcore.simulator.agent.pieces import Cite, Drawn, Pages
from grokcore.simulator.scenes import (
    REFUSALS,
    Scene,
    drawn,
    moon_is_asked,
    picture_paths,
    scene_of,
    searched,
)


@frozen
class Asked:
    """A question, and the scene that it is for."""

    words: str
    scene: Scene | None


ASKED = [
    Asked("draw a moon", Scene.DRAW),
    Asked("Drawing: a moon", Scene.DRAW),
    Asked("给我画一个月亮", Scene.DRAW),
    Asked("画一只猫", Scene.DRAW),
    Asked("Search the web for the moon", Scene.SEARCH),
    Asked("搜索月亮", Scene.SEARCH),
    Asked("use up a token", Scene.USED_UP),
    Asked("用完一个令牌", Scene.USED_UP),
    Asked("end a session", Scene.ENDED),
    Asked("结束一个会话", Scene.ENDED),
    Asked("fail once", Scene.FAIL_ONCE),
    Asked("失败一次", Scene.FAIL_ONCE),
    Asked("fail", Scene.FAIL),
    Asked("失败", Scene.FAIL),
    Asked("be moderated", Scene.MODERATED),
    Asked("触发审核", Scene.MODERATED),
    Asked("break off", Scene.BREAK_OFF),
    Asked("中途断开", Scene.BREAK_OFF),
    Asked("Hello!", None),
    Asked("How do drawings fail?", None),
    Asked("failures", None),
]


@pytest.mark.parametrize("case", ASKED, ids=lambda case: case.words)
def test_the_first_words_choose_the_scene(case: Asked) -> None:
    """A question that only speaks of drawing or failing is a question like any other."""
    assert scene_of(case.words) is case.scene


def test_every_scene_has_words_in_both_languages() -> None:
    """Its user reads either; the refusals are those that let an attempt fail."""
    for scene in Scene:
        words = [case.words for case in ASKED if case.scene is scene]
        assert {text.isascii() for text in words} == {True, False}
    assert {scene for scene in Scene if scene.once} <= REFUSALS.keys()


def test_the_words_are_documented() -> None:
    """A user of the demo finds each scene, and no word that does nothing."""
    text = (Path(__file__).parents[2] / "docs" / "clients.md").read_text("utf-8")
    rows = text.partition("## What the demo shows")[2].partition("\n## ")[0].splitlines()
    words = [re.findall(r"`([^`]+)`", row.split("|")[1]) for row in rows if row.startswith("| `")]
    shown = [{scene_of(word) for word in row} for row in words]
    assert all(len(row) == 1 for row in shown)
    assert {scene for row in shown for scene in row} == set(Scene)


def test_a_search_has_pages_and_cites_them() -> None:
    """Clients show sources, and marks in the text that lead to some of them."""
    for words in ("search the web for the moon?", "请搜索the moon。"):
        answer = searched(words)
        (pages,) = [piece for piece in answer if isinstance(piece, Pages)]
        cited = [piece.url for piece in answer if isinstance(piece, Cite)]
        assert pages.query == "the moon"
        assert len(pages.found) == 3
        assert set(cited) < {url for url, _ in pages.found}
    assert [piece.query for piece in searched("搜索") if isinstance(piece, Pages)] == ["grok"]


def test_each_question_has_pictures_of_its_own() -> None:
    """A client that keeps pictures by their address does not show an old one."""
    moon, cat = picture_paths("给我画一个月亮", 3), picture_paths("draw a cat", 3)
    assert len({*moon, *cat}) == 6
    assert [piece.path for piece in drawn("draw a cat", 3) if isinstance(piece, Drawn)] == cat
    assert (moon_is_asked(moon[0]), moon_is_asked(cat[0])) == (True, False)
