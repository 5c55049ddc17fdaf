"""The sieve: takes calls out of the text of an answer while it streams, and touches nothing else.

Theory
------
The sieve is a scanner in one of five states::

    TEXT     passes text on; holds back what may become a tag of the form, the fence of a code
             block directly before one, or a foreign call
    CALL     reads a call until its end: its tags, its arguments' text (see .written)
    GAP      behind a call: white space, or the next call
    FOREIGN  reads a call in another spelling (see .spellings) until its closing tag
    BEHIND   behind a foreign call: white space, or the next of its kind

Rules
-----
1. The result does not depend on how the text was cut: every decision is a function of the
   characters alone. Work is linear in their number, down to pieces of one.
2. Text behind a call is not wanted: models invent the outcome there. The sieve ends with it
   (:attr:`Sieve.cut`). So it does with a turn of the user's that the model invents.
3. In a code block with other text a call is an example, and so is text. A code block that holds
   calls only is no example if it ends the answer; until that is known, its calls are kept back.
4. A foreign call counts only if it begins a line outside of code blocks, its tool is declared, and
   nothing but such calls follows; and no text of the question holds such an element, which the
   answer may quote. Else it is text, unchanged.
5. A call that the text's end, or its cap, cuts off is given out as one that is not whole.
6. All pieces together, with the skipped ones, are the text.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable
from typing import TypeAlias, assert_never

from .fences import FENCE, FENCE_CHARS, LONGEST_FENCE, FenceState, run_at
from .forms import CallForm
from .spellings import FOREIGN, MAX_OPENING_CHARS, ForeignElement, is_opening, read_foreign
from .tags import ARG_WORDS, CALL_WORDS, Tag, TagReader
from .written import OpenCall, Skipped, Step, WrittenCall

__all__ = ["MOST_CALLS", "Piece", "Sieve"]

MOST_CALLS = 128
"""Calls of one answer."""

Piece: TypeAlias = "str | Skipped | WrittenCall"

_INVENTED_TURNS = frozenset({"user", "outcome", "outcomes", "system", "developer", "tool"})

_FENCE_MARK = re.compile(rf"\n[ \t]*{FENCE}")
_FENCE_IN_LINE = re.compile(rf"[ \t]*{FENCE}")
_FENCE_BEFORE_CALL = re.compile(r"(?:`{3,}|~{3,})[^\n<`]*\s*")
_SPACE = re.compile(r"\s*")
_LONGEST_HEAD = max(map(len, FOREIGN)) + len("<")
_CUT_OFF = CALL_WORDS | ARG_WORDS


class _State(enum.Enum):
    TEXT = enum.auto()
    CALL = enum.auto()
    GAP = enum.auto()
    FOREIGN = enum.auto()
    BEHIND = enum.auto()


class _Kept:
    """Calls that may turn out to be text: those in a code block, or foreign ones.

    :ivar fence: the run that opened the code block; empty outside of one.
    :ivar parts: all that belongs to them so far, in order.
    """

    def __init__(self, fence: str = "") -> None:
        self.fence = fence
        self.parts: list[Skipped | WrittenCall] = []

    def source(self) -> str:
        return "".join(part.source for part in self.parts)


def _accept(_: WrittenCall) -> bool:
    return True


class Sieve:
    """The sieve of one text.

    :param accepts: whether a foreign call is one of a declared tool, and can be read.
    :param strict: whether foreign calls, and calls in code blocks, are text in any case, and text
        behind calls is read on.
    :ivar cut: whether nothing more is read.
    """

    def __init__(
        self,
        form: CallForm,
        accepts: Callable[[WrittenCall], bool] = _accept,
        *,
        strict: bool = False,
    ) -> None:
        self.cut = False
        self._accepts = accepts
        self._strict = strict
        self._tags = TagReader(form.prefix)
        self._foreign_names = () if strict else tuple(n for n in FOREIGN if n not in form.quoted)
        names = "|".join(map(re.escape, self._foreign_names))
        self._foreign_head = re.compile(f"<({names})(?=[\\s>])" if names else "(?!)")
        line_marks = f"{FENCE}|{self._foreign_head.pattern}"
        self._mark = re.compile(rf"\n[ \t]*(?:{line_marks})|{self._tags.head.pattern}")
        self._mark_in_line = re.compile(rf"[ \t]*(?:{line_marks})")
        self._state = _State.TEXT
        self._fences = FenceState()
        self._call: OpenCall | None = None
        self._kept: _Kept | None = None
        self._foreign = ForeignElement("", self._tags)
        self._calls = 0
        self._text, self._at, self._last = "", 0, False
        self._out: list[Piece] = []
        self._steps = {
            _State.TEXT: self._read_text,
            _State.CALL: self._read_call,
            _State.GAP: self._read_gap,
            _State.FOREIGN: self._read_foreign,
            _State.BEHIND: self._read_behind,
        }

    @property
    def holding(self) -> bool:
        """Whether text is held back, or the text is in a call or behind one."""
        return bool(self._text) or self._state is not _State.TEXT

    @property
    def inside(self) -> bool:
        """Whether the text is in a call, or in what may be one; not after :meth:`close`."""
        return not self._last and (
            self._state not in (_State.TEXT, _State.GAP)
            or self._kept is not None
            or self._tags.begins(self._text, 0)
        )

    def feed(self, text: str) -> list[Piece]:
        """Take a piece of text; return all pieces that no later text can change."""
        if "<" in text or self.cut:
            pass
        elif self._text:
            if self._tags.goes_on(self._text, text):
                self._text += text
                return []
        elif self._call is not None and len(text) < self._call.room:
            self._call.add(text)
            return []
        elif self._state is _State.TEXT and "`" not in text and "~" not in text:
            self._fences.passed(text)
            return [text] if text else []
        self._read(text)
        return self._given()

    def close(self) -> list[Piece]:
        """The text has ended: return the rest."""
        self._last = True
        self._read("")
        if self._call is not None:
            self._put(self._call.written(closed=False))
            self._call = None
        if self._state is _State.FOREIGN:
            self._release()
        elif self._kept is not None:
            self._out += self._kept.parts
            self._kept = None
        self._state = _State.TEXT
        self.cut = True
        return self._given()

    # The scanner: a step reads on from self._at in self._text, and returns False if it waits -----

    def _read(self, text: str) -> None:
        self._text, self._at = self._text + text, 0
        while self._at < len(self._text) and not self.cut and self._steps[self._state]():
            pass
        self._text = "" if self.cut else self._text[self._at :]

    def _given(self) -> list[Piece]:
        """Take the pieces that are certain, with neighbouring texts joined."""
        given: list[Piece] = []
        texts: list[str] = []
        for piece in self._out:
            if isinstance(piece, str):
                texts.append(piece)
            else:
                given += ["".join(texts), piece] if texts else [piece]
                texts.clear()
        self._out = []
        return [*given, "".join(texts)] if texts else given

    def _emit(self, end: int) -> None:
        """Pass the text up to *end* on."""
        self._emit_text(self._text[self._at : end])
        self._at = end

    def _emit_text(self, text: str) -> None:
        if text:
            self._fences.passed(text)
            self._out.append(text)

    def _skip(self, end: int) -> None:
        """Leave the text up to *end* out."""
        if end > self._at:
            self._put(Skipped(self._text[self._at : end]))
        self._at = end

    def _put(self, part: Skipped | WrittenCall) -> None:
        (self._out if self._kept is None else self._kept.parts).append(part)

    def _release(self) -> None:
        """Turn kept calls into text; text follows."""
        kept, self._kept = self._kept, None
        assert kept is not None
        self._emit_text(kept.source() + self._foreign.source())
        self._foreign = ForeignElement("", self._tags)
        self._fences.open = kept.fence
        self._state = _State.TEXT

    def _waits_for_tag(self) -> bool:
        return not self._last and self._tags.unfinished(self._text, self._at)

    # Text ----------------------------------------------------------------------------------------

    def _read_text(self) -> bool:
        found = self._next_mark()
        if found is None:
            self._emit(len(self._text) if self._last else self._certain_end())
            return False
        self._emit(found.end() - len(found.group().lstrip("\n \t")))
        if self._text[self._at] != "<":
            return self._read_fence()
        if self._tags.begins(self._text, self._at):
            return self._read_tag()
        return self._read_foreign_opening()

    def _next_mark(self) -> re.Match[str] | None:
        in_line, anywhere = self._mark_in_line, self._mark
        if self._fences.open:
            in_line, anywhere = _FENCE_IN_LINE, _FENCE_MARK
        found = in_line.match(self._text, self._at) if self._fences.blank_line else None
        return found or anywhere.search(self._text, self._at)

    def _certain_end(self) -> int:
        """The end of the text that begins nothing, whatever follows."""
        text, end = self._text, len(self._text)
        last = text.rfind("<", max(self._at, end - _LONGEST_HEAD))
        if last >= 0 and not self._fences.open:
            if self._tags.may_begin(text, last):
                return last
            if self._may_be_foreign(text[last:]) and self._begins_line(last):
                return last
        run = len(text.rstrip("`~"))
        if text[run:] in FENCE_CHARS and run >= self._at and self._begins_line(run):
            return run
        return end

    def _begins_line(self, at: int) -> bool:
        return self._fences.begins_line(self._text, self._at, at)

    def _read_tag(self) -> bool:
        """A tag of the form in the text."""
        if self._waits_for_tag():
            return False
        tag = self._tags.read(self._text, self._at)
        if tag is None and self._tags.unfinished(self._text, self._at):
            self._end_in_tag()
        elif tag is None or (tag.local in CALL_WORDS and not (tag.closing or tag.opens_call)):
            self._emit(self._at + 1)
        elif tag.opens_call or tag.opens_argument:
            self._begin(tag)
        elif tag.local in _INVENTED_TURNS and not tag.closing:
            self.cut = True
        else:
            self._skip(self._at + len(tag.source))
        return True

    def _end_in_tag(self) -> None:
        """The text ends in a tag outside of calls."""
        tag = self._tags.tag(self._text[self._at :], whole=False)
        if tag.closing or not any(word.startswith(tag.local) for word in _CUT_OFF):
            self._skip(len(self._text))
            return
        self._call, self._state = OpenCall(tag), _State.CALL
        if not tag.opens_call:
            self._call.keep(tag.source)
        self._at = len(self._text)

    def _read_fence(self) -> bool:
        """The line of a fence."""
        text, most = self._text, self._at + LONGEST_FENCE
        if not (self._fences.open or self._strict):
            before = _FENCE_BEFORE_CALL.match(text, self._at, most)
            call = before.end() if before is not None else most
            if call < most and self._tags.begins(text, call):
                self._kept, self._state = _Kept(run_at(text, self._at, most)), _State.GAP
                self._skip(call)
                return True
            if call < most and self._tags.may_begin(text, call) and not self._last:
                return False
        line = self._fence_line()
        if line is None:
            return False
        self._fences.read_line(line)
        self._emit(self._at + len(line))
        return True

    def _fence_line(self) -> str | None:
        """The line that begins here, or as much of it as counts; None if more has to come."""
        most = self._at + LONGEST_FENCE
        end = self._text.find("\n", self._at, most)
        if end < 0 and len(self._text) < most and not self._last:
            return None
        return self._text[self._at : end if end >= 0 else most]

    # Calls ---------------------------------------------------------------------------------------

    def _begin(self, tag: Tag) -> None:
        """A call begins with *tag*, here."""
        self._call, self._state = OpenCall(tag), _State.CALL
        self._at += len(tag.source)
        if not tag.opens_call:
            self._call.read(tag)
        elif tag.empty:
            self._end_call()

    def _end_call(self, *, closed: bool = True) -> None:
        assert self._call is not None
        self._put(self._call.written(closed=closed))
        self._call, self._state = None, _State.GAP
        self._calls += 1
        self.cut = self._calls >= MOST_CALLS or not closed

    def _read_call(self) -> bool:
        text = self._text
        found = self._tags.head.search(text, self._at)
        if found is None:
            self._add(len(text) if self._last else self._tags.certain_end(text, self._at))
            return False
        self._add(found.start())
        if self.cut:
            return False
        if self._waits_for_tag():
            return False
        self._read_tag_in_call()
        return True

    def _add(self, end: int) -> None:
        """Add the text up to *end* to the call."""
        assert self._call is not None
        end = min(end, self._at + self._call.room)
        self._call.add(self._text[self._at : end])
        self._at = end
        if self._call.room <= 0:
            self._end_call(closed=False)

    def _read_tag_in_call(self) -> None:
        assert self._call is not None
        tag = self._tags.read(self._text, self._at)
        if tag is None and self._tags.unfinished(self._text, self._at):
            self._call.keep(self._text[self._at :])
            self._at = len(self._text)
        elif tag is None:
            self._add(self._at + 1)
        else:
            self._follow(self._call.read(tag), tag)

    def _follow(self, step: Step, tag: Tag) -> None:
        match step:
            case Step.NEXT:
                self._end_call()
                if not self.cut:
                    self._begin(tag)
            case Step.CLOSED:
                self._at += len(tag.source)
                self._end_call()
            case Step.ON:
                self._at += len(tag.source)
            case _ as never:
                assert_never(never)

    # Behind calls --------------------------------------------------------------------------------

    def _skip_space(self) -> bool:
        """Skip white space; return whether there is something else."""
        space = _SPACE.match(self._text, self._at)
        assert space is not None
        self._skip(space.end())
        return self._at < len(self._text)

    def _read_gap(self) -> bool:
        if not self._skip_space():
            return False
        text, at = self._text, self._at
        if self._tags.begins(text, at):
            return self._read_tag_in_gap()
        if self._tags.may_begin(text, at) and not self._last:
            return False
        if self._kept is not None and text[at] in "`~":
            return self._read_fence_in_gap(self._kept)
        self._leave_gap()
        return True

    def _read_tag_in_gap(self) -> bool:
        if self._waits_for_tag():
            return False
        tag = self._tags.read(self._text, self._at)
        in_place = self._kept is None or bool(self._kept.fence)
        if tag is None and self._tags.unfinished(self._text, self._at):
            self._end_in_tag()
        elif tag is not None and tag.closing:
            self._skip(self._at + len(tag.source))
        elif tag is not None and (tag.opens_call or tag.opens_argument) and in_place:
            self._begin(tag)
        else:
            self._leave_gap()
        return True

    def _read_fence_in_gap(self, kept: _Kept) -> bool:
        """A fence behind calls that a fence stands before."""
        line = self._fence_line()
        if line is None:
            return False
        fences = FenceState(kept.fence)
        fences.read_line(line)
        if fences.open == kept.fence:
            self._leave_gap()
        else:
            kept.fence = fences.open
            self._skip(self._at + len(line))
        return True

    def _leave_gap(self) -> None:
        """Something else than a call follows the calls."""
        if self._kept is not None:
            self._release()
        elif self._strict:
            self._state = _State.TEXT
        else:
            self.cut = True

    # Foreign calls -------------------------------------------------------------------------------

    def _read_foreign_opening(self) -> bool:
        verdict = is_opening(self._text[self._at : self._at + MAX_OPENING_CHARS])
        if verdict is None and not self._last:
            return False
        if verdict:
            self._kept = self._kept or _Kept()
            self._begin_foreign()
        elif self._kept is not None:
            self._release()
        else:
            self._emit(self._at + 1)
        return True

    def _begin_foreign(self) -> None:
        head = self._foreign_head.match(self._text, self._at)
        assert head is not None
        self._foreign, self._state = ForeignElement(head.group(1), self._tags), _State.FOREIGN

    def _read_foreign(self) -> bool:
        foreign = self._foreign
        self._at, ended = foreign.read(self._text, self._at, last=self._last)
        if foreign.closed:
            self._end_foreign(read_foreign(foreign.source()))
        elif ended:
            self._release()
        return ended

    def _end_foreign(self, written: WrittenCall | None) -> None:
        if written is None or not self._accepts(written):
            self._release()
            return
        self._put(written)
        self._foreign, self._state = ForeignElement("", self._tags), _State.BEHIND
        self._calls += 1
        self.cut = self._calls >= MOST_CALLS

    def _read_behind(self) -> bool:
        if not self._skip_space():
            return False
        if self._foreign_head.match(self._text, self._at):
            return self._read_foreign_opening()
        if self._may_be_foreign(self._text[self._at : self._at + _LONGEST_HEAD]) and not self._last:
            return False
        self._release()
        return True

    def _may_be_foreign(self, rest: str) -> bool:
        """Whether *rest*, all that has come, may become the head of a foreign call."""
        return any(f"<{name}".startswith(rest) for name in self._foreign_names)
