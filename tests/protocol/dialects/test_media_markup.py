"""Pictures, videos and sources as Markdown and HTML: real parsers find what was meant, whatever is
in a title or an address.
"""

from __future__ import annotations

from html.parser import HTMLParser
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from grokcore.protocol.conversation.events import (
    Event,
    File,
    FoundPicture,
    KeptPicture,
    Picture,
    Video,
)
from grokcore.protocol.dialects.rendering import Renderer, Style, ThinkingStyle

GROK = "https://assets.example.com"
OWN = "https://me.example.com/media/0a1b.jpg"
STYLE = Style(ThinkingStyle.HIDDEN)

# The characters that mean something to Markdown or HTML, among some that don't.
TEXTS = st.text(st.sampled_from("ab é\\`*_{}[]()<>#+-.!|&;'\"~\n\t\u2028=/?:%"), max_size=25)


class Seen(HTMLParser):
    """The elements of a page with their attributes, and the text within each kind of element."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, str] = {}
        self._open: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        for tag in self._open:
            self.texts[tag] = self.texts.get(tag, "") + data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def shown(event: Event) -> str:
    return "".join(text for _, text in Renderer(STYLE, 0).pieces([event]))


def page(event: Event) -> Seen:
    """What a client that renders Markdown with HTML in it shows."""
    return Seen(MarkdownIt("commonmark", {"html": True}).render(shown(event)))


def same(shown_url: str | None, path: str) -> bool:
    """Whether an address leads where *path* does, below the assets host."""
    return unquote(shown_url or "") == unquote(f"{GROK}/{path.strip().lstrip('/')}") or "%" in path


@settings(deadline=None)
@given(TEXTS)
def test_a_kept_picture_is_shown_and_leads_to_grok(path: str) -> None:
    """The copy is what one sees, Grok's own address is where it leads."""
    seen = page(KeptPicture(OWN, f"{GROK}/users/{path}x"))
    assert seen.all("img") == [{"src": OWN, "alt": "image"}]
    (link,) = seen.all("a")
    assert same(link["href"], f"users/{path}x")
    assert {tag for tag, _ in seen.elements} == {"p", "a", "img"}


@settings(deadline=None)
@given(TEXTS)
def test_a_picture_s_address_stays_within_its_parentheses(path: str) -> None:
    """Also with brackets, quotes, white space or tags in it."""
    seen = page(Picture(f"{GROK}/users/{path}x"))
    (picture,) = seen.all("img")
    assert same(picture["src"], f"users/{path}x")
    assert {tag for tag, _ in seen.elements} == {"p", "img"}


@settings(deadline=None)
@given(TEXTS, TEXTS)
def test_a_found_picture_s_title_is_text_only(title: str, path: str) -> None:
    """It comes from somebody's page."""
    seen = page(
        FoundPicture(f"https://example.com/{path}x", title, f"https://example.com/page{path}")
    )
    assert len(seen.all("img")) == len(seen.all("a")) == 1
    assert {tag for tag, _ in seen.elements} == {"p", "a", "img"}
    assert set(seen.all("img")[0]) == {"src", "alt"}


@settings(deadline=None)
@given(TEXTS, TEXTS)
def test_a_file_is_one_link(name: str, path: str) -> None:
    """Whatever it is called."""
    (link,) = page(File(f"{GROK}/users/{path}x", name)).all("a")
    assert same(link["href"], f"users/{path}x")


@settings(deadline=None)
@given(TEXTS)
def test_a_video_has_its_address_as_a_link_an_attribute_and_its_text(path: str) -> None:
    """Browsers play the attribute, Open WebUI the text; nothing of the address becomes another
    attribute or element.
    """
    text = shown(Video(f"{GROK}/users/{path}x"))
    link, _, element = text.partition("\n\n")
    seen = Seen(element)
    assert seen.elements == [("video", {"src": seen.texts["video"], "controls": None})]
    assert same(seen.texts["video"], f"users/{path}x")
    assert [found["href"] for found in Seen(MarkdownIt().render(link)).all("a")] != []


@pytest.mark.parametrize(("url", "attribute"), [
    ("https://v.example.com/a.mp4?x=1&amp=2", "https://v.example.com/a.mp4?x=1&amp=2"),
    ("https://v.example.com/a (1).mp4", "https://v.example.com/a%20%281%29.mp4"),
    ('https://v.example.com/"onerror="alert(1)', "https://v.example.com/%22onerror=%22alert%281%29"),
    ("https://v.example.com/</video><script>", "https://v.example.com/%3C/video%3E%3Cscript%3E"),
])  # fmt: skip
def test_a_video_s_attributes_are_escaped(url: str, attribute: str) -> None:
    """As an HTML parser reads them."""
    seen = Seen(shown(Video(url)).partition("\n\n")[2])
    assert seen.elements == [("video", {"src": attribute, "controls": None})]
    assert seen.texts == {"video": attribute}


def test_a_text_behind_a_picture_is_not_shown_as_it_is() -> None:
    """A gap comes between, so the short way for plain texts is not taken."""
    renderer = Renderer(STYLE, 0)
    assert renderer.plain("a")
    list(renderer.pieces([FoundPicture(OWN, "title")]))
    assert not renderer.plain("b")
