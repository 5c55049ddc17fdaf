"""Quoting as browsers do it for each shell, from the published sources of their developer tools."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from attrs import frozen

Pairs = Sequence[tuple[str, str]]


def for_bash(text: str) -> str:
    """Chrome's, Firefox's and Safari's: ``'…'``, or ``$'…'`` where that can't hold the text."""
    if not re.search(r"[\x00-\x1f\x7f-\x9f!']", text):
        return f"'{text}'"
    text = text.replace("\\", "\\\\").replace("'", "\\'")
    text = text.replace("\n", "\\n").replace("\r", "\\r")
    text = re.sub(r"[\x00-\x1f\x7f-\x9f!]", by_code, text)
    return f"$'{text}'"


def by_code(match: re.Match[str]) -> str:
    return f"\\u{ord(match.group()):04x}"


def for_bash_in_ascii(text: str) -> str:
    """As older browsers did: everything but ASCII by its UTF-16 numbers."""
    units = text.encode("utf-16-be", "surrogatepass")
    numbers = [int.from_bytes(units[at : at + 2], "big") for at in range(0, len(units), 2)]
    return "$'" + "".join(f"\\u{number:04x}" for number in numbers) + "'"


def for_cmd(text: str) -> str:
    """Chrome's and Firefox's: a caret before all that is special, the quotes among them."""
    text = text.replace("\\", "\\\\").replace('"', '\\"')
    text = re.sub(r"[^a-zA-Z0-9\s_\-:=+~'/.,?;()*`]", r"^\g<0>", text)
    text = re.sub(r"%(?=[a-zA-Z0-9_])", "%^", text)
    return '^"' + text.replace("\n", "^\n\n") + '^"'


def for_cmd_in_quotes(text: str) -> str:
    """As older browsers did: in quotes, of which one within is two."""
    text = re.sub(r"(\\+)(?=\"|$)", r"\1\1", text)
    return '"' + text.replace('"', '""').replace("\n", '"^\r\n\r\n"') + '"'


def for_powershell(text: str) -> str:
    """Chrome's and Firefox's: a backtick before all that is special, and numbers for non-ASCII."""
    text = re.sub(r"[`$\"]", r"`\g<0>", text)
    units = re.sub("[^\x20-\x7e]", _by_number, text)
    return f'"{units}"'


def _by_number(match: re.Match[str]) -> str:
    units = match.group().encode("utf-16-be", "surrogatepass")
    return "".join(
        f"$([char]{int.from_bytes(units[at : at + 2], 'big')})" for at in range(0, len(units), 2)
    )


@frozen
class Browser:
    """A browser's way to copy a request.

    :ivar shell: the name of the form.
    :ivar copy: URL, headers and cookies to the copied text.
    """

    name: str
    shell: str
    copy: Callable[[str, Pairs, Pairs], str]


def curl(
    quote: Callable[[str], str], line: str, *, in_header: bool = False
) -> Callable[[str, Pairs, Pairs], str]:
    """A copy as cURL.

    :param line: what joins its parts.
    :param in_header: cookies are a header, not an option of their own.
    """

    def copy(url: str, headers: Pairs, cookies: Pairs) -> str:
        jar = "; ".join(f"{name}={value}" for name, value in cookies)
        parts = [f"curl {quote(url)}"]
        parts += [f"-H {quote(f'{name}: {value}')}" for name, value in headers]
        if cookies and in_header:
            parts.append(f"-H {quote(f'Cookie: {jar}')}")
        elif cookies:
            parts.append(f"-b {quote(jar)}")
        body = '{"message":"what\'s 5% of $x & `y`?"}'
        return line.join([*parts, f"--data-raw {quote(body)}", "--compressed"])

    return copy


def powershell(*, spaced: bool = False) -> Callable[[str, Pairs, Pairs], str]:
    """A copy as PowerShell, with cookies and User-Agent in a session."""

    def copy(url: str, headers: Pairs, cookies: Pairs) -> str:
        equals = " = " if spaced else "="
        lines = ["$session = New-Object Microsoft.PowerShell.Commands.WebRequestSession"]
        agents = [value for name, value in headers if name == "user-agent"]
        others = [pair for pair in headers if pair[0] != "user-agent"]
        lines += [f"$session.UserAgent = {for_powershell(agent)}" for agent in agents]
        lines += [
            f"$session.Cookies.Add((New-Object System.Net.Cookie({for_powershell(name)}, "
            f'{for_powershell(value)}, "/", ".grok.com")))'
            for name, value in cookies
        ]
        lines.append(f"Invoke-WebRequest -UseBasicParsing -Uri {for_powershell(url)} `")
        lines += ['-Method "POST" `', "-WebSession $session `", "-Headers @{", '"method"="POST"']
        lines += [
            f"  {for_powershell(name)}{equals}{for_powershell(value)}" for name, value in others
        ]
        return "\n".join([*lines, "} `", '-Body "{`"message`":`"`$x`"}"'])

    return copy


BROWSERS = (
    Browser("Chrome, bash", "bash", curl(for_bash, " \\\n  ")),
    Browser("Chrome before 2024, bash", "bash", curl(for_bash, " \\\n  ", in_header=True)),
    Browser("older browsers, bash", "bash", curl(for_bash_in_ascii, " ", in_header=True)),
    Browser("Firefox, POSIX", "bash", curl(for_bash, " \\\n  ", in_header=True)),
    Browser("Safari", "bash", curl(for_bash, " \\\n")),
    Browser("Chrome, cmd", "cmd", curl(for_cmd, " ^\n  ")),
    Browser("Edge, cmd, Windows line ends", "cmd", curl(for_cmd, " ^\r\n  ")),
    Browser("Firefox, Windows", "cmd", curl(for_cmd, " ^\r\n  ", in_header=True)),
    Browser("older browsers, cmd", "cmd", curl(for_cmd_in_quotes, " ", in_header=True)),
    Browser("Chrome, PowerShell", "PowerShell", powershell()),
    Browser("Firefox, PowerShell", "PowerShell", powershell(spaced=True)),
)
