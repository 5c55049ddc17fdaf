"""The instructions to the model for calls: the nature of tools, the form of calls, and the list.

They are plain statements. Wording that sets other instructions aside is taken for an injected
prompt. A list of wrong spellings teaches them, and models invent outcomes if they know the element
for them. The last line of a prompt holds best, so it says which kind of answer is wanted.
"""

from __future__ import annotations

from ..conversation.tools import Choice, Toolbox
from .example_calls import example_calls
from .forms import CallForm, render_call

__all__ = ["closing_line", "tools_block"]

_BLOCK = """\
The functions that are listed below run on the user's machine. They are the only way to read or \
change anything there: your own search and code tools can't see it.

To use {which}, end your message with {elements}:

{example}

{parallel}{values}

Nothing follows the last element: what the function returned is in the next message. Never say \
that something was done before its outcome has been shown.

The functions (a parameter with a question mark may be left out):

{listed}"""

_VALUES = (
    "The values are plain text: nothing in them is escaped, and a line break right after an "
    "opening tag and right before its closing tag does not count. Arrays, objects, numbers and "
    "booleans are written as JSON."
)
_VALUES_IN_JSON = "Each element holds one JSON object."

_PARALLEL = "Several elements, one after the other, run in parallel. "


def tools_block(toolbox: Toolbox, listed: str, form: CallForm) -> str:
    """The instructions, with examples of the request's own tools.

    :param listed: the list of the tools.
    """
    many = toolbox.parallel and not toolbox.only
    calls = example_calls(toolbox.callable)
    return _BLOCK.format(
        which="one or more of them" if many else "one of them",
        elements="elements like these" if many and len(calls) > 1 else "an element like this",
        example="\n".join(render_call(form, *call) for call in (calls if many else calls[:1])),
        parallel=_PARALLEL if many else "",
        values=_VALUES_IN_JSON if form.words.in_json else _VALUES,
        listed=listed,
    )


def closing_line(toolbox: Toolbox, form: CallForm, otherwise: str = "just answer") -> str:
    """The last line of the prompt.

    :param otherwise: what the model does if it calls nothing.
    """
    element = f"<{form.call_tag}> element"
    if toolbox.only:
        return f"Answer with exactly one {element} for {toolbox.only} and nothing else."
    if toolbox.choice is Choice.REQUIRED:
        number = "at least" if toolbox.parallel else "exactly"
        return f"End your message with {number} one {element}.{_limits(toolbox)}"
    return (
        f"If something must be read, run or changed, end your message with the {element}; "
        f"else {otherwise}.{_limits(toolbox)}"
    )


def _limits(toolbox: Toolbox) -> str:
    if toolbox.allowed is None:
        return ""
    names = ", ".join(tool.full_name for tool in toolbox.callable)
    return f" Of the functions only these can be used now: {names}."
