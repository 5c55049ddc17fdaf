"""Prompts with functions, in the form that the gateway writes; by hand, since the simulated model
must not depend on who writes them.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

__all__ = ["AGENTS", "Returned", "prompt_of"]

AGENTS = {
    "Claude Code": (
        "Bash(command: string, description?: string, timeout?: number)",
        "Read(file_path: string, limit?: integer)",
        "Edit(file_path: string, old_string: string, new_string: string, replace_all?: boolean)",
        "Write(file_path: string, content: string)",
    ),
    "Codex": (
        "exec_command(cmd: string, workdir?: string, yield_time_ms?: number)",
        "write_stdin(session_id: number, chars?: string)",
        "view_image(path: string)",
    ),
    "opencode": (
        "bash(command: string, timeout?: number, description: string)",
        "edit(filePath: string, oldString: string, newString: string, replaceAll?: boolean)",
        "read(filePath: string, offset?: number)",
        "write(content: string, filePath: string)",
    ),
    "cline": ("run_commands(commands: string[])", "read_files(files: {path: string}[])"),
    "files alone": ("read_file(path: string)", "write_file(path: string, content: string)"),
}
"""Signatures of the functions of agents (2026-11)."""


@frozen
class Returned:
    """An outcome in a prompt."""

    name: str
    text: str
    error: bool = False


def prompt_of(
    signatures: Sequence[str],
    asked: str,
    returned: Sequence[Returned] = (),
    *,
    prefix: str = "fn",
    call: str = "call",
    system: str = "",
    last: str = "",
) -> str:
    """A prompt that shows *signatures* and ends with *returned*."""
    listed = "\n\n".join(f"{signature}\n  What it does." for signature in signatures)
    outcomes = "\n\n".join(
        f'<{prefix}:outcome of="{index}" name="{one.name}"{" error" if one.error else ""}>\n'
        f"{one.text}\n</{prefix}:outcome>"
        for index, one in enumerate(returned, 1)
    )
    example = f'<{prefix}:{call} name="x">\n</{prefix}:{call}>'
    element = f"<{prefix}:{call}> element"
    closing = (
        last
        or f"If something must be read, run or changed, end your message with the {element}; else just answer."
    )
    parts = [
        f"<{prefix}:system>\n{system}\n</{prefix}:system>" if system else "",
        "The functions that are listed below run on the user's machine.",
        f"To use one or more of them, end your message with an element like this:\n\n{example}",
        f"The functions (a parameter with a question mark may be left out):\n\n{listed}",
        f"<{prefix}:user>\n{asked}\n</{prefix}:user>",
        outcomes,
        closing.replace("ELEMENT", element),
    ]
    return "\n\n".join(part for part in parts if part)
