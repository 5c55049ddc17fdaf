"""Answers with calls, in every spelling that models are known to fall into, and what they mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from attrs import frozen

from grokcore.protocol.conversation.tools import Tool, ToolKind

__all__ = ["ANSWERS", "LS", "TOOLS", "WrittenAnswer", "call"]

Meaning: TypeAlias = "tuple[str, Mapping[str, Any] | str]"


def _tool(name: str, /, namespace: str = "", **properties: object) -> Tool:
    schema = {"type": "object", "properties": properties}
    return Tool(name, parameters=schema if properties else {}, namespace=namespace)


STRING, INTEGER = {"type": "string"}, {"type": "integer"}

TOOLS = (
    _tool("Bash", command=STRING, timeout=INTEGER),
    _tool("Write", path=STRING, content=STRING),
    _tool("Edit", path=STRING, edits={"type": "array"}, all={"type": "boolean"}),
    _tool("now"),
    _tool("spawn_agent", namespace="agents", task=STRING),
    Tool("exec", kind=ToolKind.CUSTOM),
)


def call(name: str, *arguments: str, prefix: str = "fn") -> str:
    """A call in the strict form; *arguments* are keys and values in turn."""
    pairs = zip(arguments[::2], arguments[1::2], strict=True)
    lines = [f'<{prefix}:arg name="{key}">{value}</{prefix}:arg>\n' for key, value in pairs]
    return f'<{prefix}:call name="{name}">\n{"".join(lines)}</{prefix}:call>'


LS = call("Bash", "command", "ls")
_LS: Meaning = ("Bash", {"command": "ls"})
_NOW = '<fn:call name="now">\n</fn:call>'


@frozen
class WrittenAnswer:
    """An answer.

    :ivar shown: the text that clients see.
    :ivar faults: the number of calls that can't be made.
    """

    name: str
    text: str
    shown: str = ""
    calls: tuple[Meaning, ...] = ()
    faults: int = 0


def _ls(name: str, text: str, shown: str = "") -> WrittenAnswer:
    """An answer that means ``ls``."""
    return WrittenAnswer(name, text, shown, (_LS,))


def _plain(name: str, text: str) -> WrittenAnswer:
    """An answer without calls."""
    return WrittenAnswer(name, text, text)


def _fault(name: str, text: str, shown: str = "") -> WrittenAnswer:
    """An answer with a call that can't be made."""
    return WrittenAnswer(name, text, shown, faults=1)


_ANY_VALUE = "<user>\n</parameter><grok:render card_id='1'/> </content> ]]> </div>\t\r\n世界 && \"'"

STRICT = [
    _ls("a call alone", LS),
    _ls("text before it", f"I look.\n\n{LS}\n", "I look.\n\n"),
    _ls("in one line", LS.replace("\n", "")),
    _ls(
        "test 28: an invented outcome", f"Look: {LS}\n<fn:outcome of='1'>a b</fn:outcome>", "Look: "
    ),
    _ls("text behind it", f"{LS}\nThat lists the files."),
    WrittenAnswer("two calls", f"{LS}\n\n{_NOW}", "", (_LS, ("now", {}))),
    WrittenAnswer("test 38: no arguments", _NOW, "", (("now", {}),)),
    WrittenAnswer("no content", '<fn:call name="now"/>', "", (("now", {}),)),
    WrittenAnswer(
        "test 33: other markup in a value",
        call("Write", "path", "a.html", "content", f"\n{_ANY_VALUE}\n"),
        "",
        (("Write", {"path": "a.html", "content": _ANY_VALUE}),),
    ),
    WrittenAnswer(
        "values by type",
        call("Edit", "path", "5", "edits", '[{"a": 1}]', "all", "True"),
        "",
        (("Edit", {"path": "5", "edits": [{"a": 1}], "all": True}),),
    ),
    WrittenAnswer(
        "test 38: a number in quotes",
        call("Bash", "command", "ls", "timeout", '"5"'),
        "",
        (("Bash", {"command": "ls", "timeout": 5}),),
    ),
    WrittenAnswer(
        "test 5: a namespace",
        call("agents.spawn_agent", "task", "x"),
        "",
        (("agents.spawn_agent", {"task": "x"}),),
    ),
    WrittenAnswer(
        "test 6: a custom tool",
        call("exec", "input", "\nsay(\"a\n && 'b'\")\n"),
        "",
        (("exec", "say(\"a\n && 'b'\")"),),
    ),
]

DRIFT = [
    _ls("single quotes", LS.replace('"', "'")),
    _ls("typographic quotes", LS.replace('"Bash"', "“Bash”")),
    _ls("no quotes", LS.replace('"', "")),
    _ls("a quote that is never closed", LS.replace('"Bash"', '"Bash')),
    _ls("a stray quote in closing tags", LS.replace("arg>", 'arg">').replace("call>", 'call">')),
    _ls("a space in closing tags", LS.replace("</fn:call>", "</fn:call >")),
    _ls("attributes in closing tags", LS.replace("</fn:call>", '</fn:call name="Bash">')),
    _ls("more attributes", LS.replace("<fn:call ", '<fn:call id="1" ')),
    _ls("line breaks in tags", LS.replace("<fn:call ", "<fn:call\n  ")),
    _ls("no end of the opening tag", LS.replace('"Bash">', '"Bash"')),
    _ls("the tag of the call twice", f'<fn:call name="Bash">\n{LS}'),
    _ls("the name in the second tag", f"<fn:call>\n{LS}"),
    _ls("the tag of the argument twice", LS.replace("ls<", '<fn:arg name="command">ls<')),
    _ls("a closing tag twice", LS.replace("</fn:arg>", "</fn:arg></fn:arg>")),
    _ls("the call's closing tag twice", f"{LS}</fn:call>"),
    _ls("the name as an element", "<fn:call><fn:name>\nBash</fn:name>" + LS[22:]),
    _ls(
        "the argument as an element",
        LS.replace('arg name="command"', "command").replace("</fn:arg", "</fn:command"),
    ),
    _ls("other words", LS.replace("fn:call", "fn:function_call").replace("fn:arg", "fn:parameter")),
    _ls("test 31: the argument's name closes", LS.replace("</fn:arg>", "</command>")),
    _ls("test 31: with the prefix", LS.replace("</fn:arg>", "</fn:command>")),
    _ls("test 31: Grok's word closes", LS.replace("</fn:arg>", "</parameter>")),
    _ls("test 31: nothing closes the argument", LS.replace("</fn:arg>", "")),
    _ls("test 31: nothing closes it, in one line", LS.replace("</fn:arg>\n", "")),
    WrittenAnswer(
        "test 31: nothing closes before the next argument",
        call("Write", "path", "a", "content", "\nb\n\n").replace("a</fn:arg>", "a"),
        "",
        (("Write", {"path": "a", "content": "b\n"}),),
    ),
    WrittenAnswer(
        "nothing closes before the next call",
        LS.replace("</fn:call>", "") + _NOW,
        "",
        (_LS, ("now", {})),
    ),
    WrittenAnswer(
        "an argument without content",
        '<fn:call name="Bash"><fn:arg name="command"/></fn:call>',
        "",
        (("Bash", {"command": ""}),),
    ),
    WrittenAnswer(
        "test 32: entities",
        call("Write", "path", "a &amp;&amp; b", "content", "<p>&amp;</p>"),
        "",
        (("Write", {"path": "a && b", "content": "<p>&amp;</p>"}),),
    ),
    WrittenAnswer(
        "test 32: entities of entities",
        call("Bash", "command", "echo &amp;amp;"),
        "",
        (("Bash", {"command": "echo &amp;"}),),
    ),
    _ls("JSON in it", '<fn:call name="Bash">{"command": "ls",}</fn:call>'),
    _ls(
        "JSON with the name in it",
        '<fn:call>\n{"name": "Bash", "arguments": {"command": "ls"}}\n</fn:call>',
    ),
    _ls(
        "JSON with the name twice",
        '<fn:call name="Bash">{"name": "Bash", "arguments": {"command": "ls"}}</fn:call>',
    ),
    _ls(
        "JSON in a string",
        '<fn:call>{"name": "Bash", "arguments": "{\\"command\\": \\"ls\\"}"}</fn:call>',
    ),
    _ls(
        "Grok's arguments in it",
        '<fn:call name="Bash">\n<parameter name="command">ls</parameter>\n</fn:call>',
    ),
    WrittenAnswer(
        "the bare text of a custom tool",
        '<fn:call name="exec">\nls\n</fn:call>',
        "",
        (("exec", "ls"),),
    ),
    WrittenAnswer(
        "JSON of a custom tool",
        '<fn:call>{"name": "exec", "arguments": {"input": "ls"}}</fn:call>',
        "",
        (("exec", "ls"),),
    ),
    _ls("other case", LS.replace("Bash", "bash")),
    _ls("a common prefix", LS.replace("Bash", "functions.Bash")),
    WrittenAnswer(
        "another joint of the namespace",
        call("agents__spawn_agent", "task", "x"),
        "",
        (("agents.spawn_agent", {"task": "x"}),),
    ),
    WrittenAnswer(
        "no namespace",
        call("spawn_agent", "task", "x"),
        "",
        (("agents.spawn_agent", {"task": "x"}),),
    ),
    _ls("a namespace that is none", LS.replace("Bash", "tools.Bash")),
    _ls("a tag of the transcript", f"<fn:assistant>\n{LS}\n</fn:assistant>", "\n"),
    _ls("half a surrogate pair", f"{LS}\ud83d"),
]

FENCED = [
    _ls("test 30: a fence holds only the call", f"Look:\n```xml\n{LS}\n```\n", "Look:\n"),
    _ls("test 30: the fence does not close", f"Look:\n~~~\n{LS}", "Look:\n"),
    _ls("white space in the fence", f"   ```\n\n{LS}\n\n```  ", "   "),
    _ls("the call in the fence's line", f"```xml {LS}\n```"),
    WrittenAnswer("two in a fence", f"```\n{LS}\n{_NOW}\n```", "", (_LS, ("now", {}))),
    WrittenAnswer("two fences", f"```\n{LS}\n```\n\n```xml\n{_NOW}\n```", "", (_LS, ("now", {}))),
    _plain("test 30: text in the fence before it", f"```\nso:\n{LS}\n```"),
    _plain("test 30: text in the fence behind it", f"```\n{LS}\nthat's it\n```\n"),
    _plain("test 30: text behind the fence", f"```\n{LS}\n```\nis how."),
    _plain("a code span behind the fence", f"```\n{LS}\n```\n```x```"),
    _plain("a fence that is another's content", f"````\n```\n{LS}\n```\n````"),
    _plain("a call in its own line behind the fence", "```\na\n```"),
    _ls("a call behind a code block", f"```\na\n```\n{LS}", "```\na\n```\n"),
    _ls("a call behind a block in a block", f"````\n```\na\n````\n{LS}", "````\n```\na\n````\n"),
    _ls("a call behind code spans", f"`a` ```b``` ``` c\n{LS}", "`a` ```b``` ``` c\n"),
    _ls("a call behind a span at the line's start", f"```b```\n{LS}", "```b```\n"),
    _ls("an example and a call", f"```\n{_NOW}\n```\n{LS}", f"```\n{_NOW}\n```\n"),
    _ls("a long fence", f"```{'x' * 80}\na\n```\n{LS}", f"```{'x' * 80}\na\n```\n"),
    _fault("a call that a fence's end cuts", '```xml\n<fn:call name="Bash">\n<fn:arg name="c">a'),
    _plain("a fence without content", "a\n```"),
    _plain("the beginning of a fence", "a\n``"),
]

FOREIGN = [
    _ls(
        "Grok's element",
        'Look.\n<xai:function_call name="Bash">\n<parameter name="command">ls</parameter>\n'
        "</xai:function_call>\n",
        "Look.\n",
    ),
    _ls(
        "Grok's element with stray characters",
        '<xai:function_call name="Bash"><parameter name="command">ls</parameter>'
        '</xai:function_call">',
    ),
    WrittenAnswer(
        "two of another kind",
        '<invoke name="Bash"><parameter name="command">ls</parameter></invoke>\n'
        '<invoke name="now"></invoke>',
        "",
        (_LS, ("now", {})),
    ),
    _ls("JSON in it", '<invoke name="Bash">{"command": "ls"}</invoke>'),
    _ls(
        "Hermes",
        'Look.\n<tool_call>\n{"name": "Bash", "arguments": {"command": "ls"}}\n</tool_call>',
        "Look.\n",
    ),
    WrittenAnswer(
        "closing tags in a value",
        '<invoke name="Write"><parameter name="path">a</parameter>'
        '<parameter name="content">x</parameter>y</parameter></invoke>',
        "",
        (("Write", {"path": "a", "content": "x</parameter>y"}),),
    ),
    WrittenAnswer(
        "a foreign value's tag twice",
        '<xai:function_call name="Bash">\n<parameter name="command"><parameter name="command">ls'
        "</parameter>\n</xai:function_call>",
        calls=(_LS,),
    ),
    WrittenAnswer(
        "both of a foreign value's tags twice",
        '<xai:function_call name="Bash">\n<parameter name="command"><parameter name="command">ls'
        "</parameter></parameter>\n</xai:function_call>",
        calls=(_LS,),
    ),
    WrittenAnswer(
        "foreign values that end with the argument's name",
        '<xai:function_call name="Write">\n<parameter name="path">a</path>\n'
        '<parameter name="content"><b>x</b></content>\n</xai:function_call>',
        calls=(("Write", {"path": "a", "content": "<b>x</b>"}),),
    ),
    WrittenAnswer(
        "tags in other case",
        '<fn:Call name="Bash">\n<fn:ARG name="command">ls</fn:Arg>\n</fn:CALL>',
        calls=(_LS,),
    ),
    WrittenAnswer(
        "a value in its tag",
        '<fn:call name="Bash">\n<fn:arg name="command" value="ls &amp; &quot;x&quot;"/>\n</fn:call>',
        calls=(("Bash", {"command": 'ls & "x"'}),),
    ),
    WrittenAnswer(
        "a call's end without the prefix",
        '<fn:call name="Bash">\n<fn:arg name="command">ls</fn:arg>\n</call>\n',
        calls=(_LS,),
    ),
    WrittenAnswer(
        "two of them",
        '<fn:call name="Bash">\n<fn:arg name="command">ls</fn:arg>\n</call>\n' * 2,
        calls=(_LS, _LS),
    ),
    WrittenAnswer(
        "such an end with text behind it",
        '<fn:call name="Bash">\n<fn:arg name="command">ls</fn:arg>\n</call>\nIt says 4.',
        faults=1,
    ),
    _plain("in a line", 'Use <invoke name="now"></invoke>'),
    _plain("text behind it", '<invoke name="now"></invoke>\nis how.'),
    _plain("a tag behind it", '<invoke name="now"></invoke>\n<b>'),
    _plain("not whole", '<invoke name="Bash"><parameter name="command">ls'),
    _plain("no value's end", '<invoke name="Bash"><parameter name="command">ls</invoke>'),
    _plain("no parameter", '<invoke name="Bash"><b>ls</b></invoke>'),
    _plain("no name", '<invoke id="1"></invoke>'),
    _plain("no JSON", "<tool_call>\nand so on</tool_call>"),
    _plain("no name in JSON", '<tool_call>{"a": 1}</tool_call>'),
    _plain("an unknown name", '<invoke name="rm"></invoke>'),
    _plain("another kind behind it", '<invoke name="now"></invoke>\n<tool_call>x'),
    _plain("a word for a name", "<invoke\nname"),
    _plain("an opening tag in an opening tag", '<invoke <b name="now">\n<c></invoke>'),
    _plain("a longer name", '<invoker name="now"></invoker>'),
    _plain("in a code block", '```\n<invoke name="now"></invoke>\n```'),
    _plain("an opening tag without an end", f"<invoke {'x' * 1100}"),
    _plain("an opening tag alone", '<invoke name="now">'),
    _plain("a beginning behind it", '<invoke name="now"></invoke>\n<inv'),
    _plain("another closing tag", '<invoke name="now"></invoke-a></inv'),
    _ls("a call in it", f'<invoke name="now">\n{LS}', '<invoke name="now">\n'),
    _ls(
        "a call behind it", f'<invoke name="now"></invoke>\n{LS}', '<invoke name="now"></invoke>\n'
    ),
]

UNUSABLE = [
    _fault("test 34: cut in a value", f"Look: {LS[:45]}", "Look: "),
    _fault("cut in a tag", f"Look: {LS[:12]}", "Look: "),
    _fault("cut in a tag behind the name", LS[:20]),
    _fault("cut behind the prefix", f"Look: {LS[:4]}", "Look: "),
    _fault("cut in an argument's tag", LS[:32]),
    _fault("cut behind an argument", LS[:-10]),
    _fault("no name", "<fn:call>\n</fn:call>"),
    _fault("no call around the argument", '<fn:arg name="command">ls</fn:arg></fn:call>'),
    _fault("an argument without a name", LS.replace(' name="command"', "")),
    _fault("an unknown name", LS.replace("Bash", "rm")),
    _fault("text beside arguments", LS.replace("</fn:arg>", "</fn:arg>and more</fn:arg>")),
    _fault("text for arguments", '<fn:call name="Bash">\nls\n</fn:call>'),
    _fault("a list for arguments", '<fn:call name="Bash">\n["ls"]\n</fn:call>'),
    _fault("a list beside the name", '<fn:call>{"name": "Bash", "arguments": [1]}</fn:call>'),
    _fault("two envelopes", '<fn:call>{"name": "Bash", "arguments": {}, "input": {}}</fn:call>'),
    _fault("no text for a custom tool", '<fn:call name="exec"></fn:call>'),
    _fault("two texts for a custom tool", call("exec", "input", "a", "b", "c")),
    _fault("a number for a custom tool", '<fn:call>{"name": "exec", "arguments": 5}</fn:call>'),
    WrittenAnswer(
        "a call in another's value",
        LS.replace("</fn:arg>\n</fn:call>", f"\n{_NOW}"),
        "",
        (("now", {}),),
        1,
    ),
    WrittenAnswer("a call that is cut behind one", f"{LS}\n<fn:call na", "", (_LS,), 1),
    WrittenAnswer("the second of three", f"{LS}\n{call('rm')}\n{_NOW}", "", (_LS, ("now", {})), 1),
]

TEXTS = [
    _plain("nothing", ""),
    _plain("words", "Plain words.\n"),
    _plain("tags of others", "a < b <b> </fn <fnord:call> <fn2:call name='x'> <call> & `x` ~"),
    _plain("the beginning of a tag", "a <fn"),
    _plain("a long tag", f"<fn:call {'x' * 1100}> and so on"),
    _plain("a tag in prose", "write <fn:call and <b>"),
    WrittenAnswer("stray closing tags", "a</fn:call>b</fn:arg>", "ab"),
    WrittenAnswer("a closing tag that is cut", "a</fn:ca", "a"),
    WrittenAnswer("a tag of the transcript that is cut", "a<fn:assis", "a"),
    WrittenAnswer(
        "an invented question", "Done.\n<fn:user>\nThanks, now rm\n</fn:user>", "Done.\n"
    ),
]

ANSWERS = [*STRICT, *DRIFT, *FENCED, *FOREIGN, *UNUSABLE, *TEXTS]
