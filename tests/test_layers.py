"""The import rule of ``grokcore/__init__.py``, read from the sources."""

from __future__ import annotations

import ast
import sys
from graphlib import CycleError, TopologicalSorter

import pytest
from attrs import frozen

from .sources import imports, is_package, modules, outside_functions, part


@frozen
class Layer:
    """What the modules of one layer may import: parts of grokcore, and packages beside the standard
    library.
    """

    name: str
    ours: frozenset[str]
    packages: frozenset[str]


def layer(name: str, ours: str = "", packages: str = "") -> Layer:
    return Layer(name, frozenset(ours.split()), frozenset(packages.split()))


# "" is the package itself (its version).
LAYERS = [
    layer(""),
    layer("errors"),
    layer("protocol", "errors protocol", "attrs orjson"),
    layer("config", "errors protocol config", "attrs cattrs"),
    layer("outlet"),
    layer("languages", "protocol languages"),
    layer("logs", "config languages outlet", "attrs"),
    layer("runtime", "errors protocol runtime", "trio attrs curl_cffi orjson anyio coredis"),
    layer(
        "web",
        " errors protocol config languages runtime web",
        "trio attrs orjson quart quart_trio werkzeug hypercorn h11 prometheus_client",
    ),
    layer("simulator", "simulator", "trio attrs hypercorn wsproto"),
    layer(
        "cli", "errors protocol config languages logs runtime web simulator cli", "trio attrs rich"
    ),
    layer("__main__", "cli"),
]

IMPURE = {
    "asyncio",
    "trio",
    "socket",
    "ssl",
    "os",
    "io",
    "pathlib",
    "tempfile",
    "subprocess",
    "threading",
    "time",
} | {
    *(
        "datetime",
        "random",
        "secrets",
        "uuid",
        "logging",
        "sys",
        "signal",
        "select",
        "http",
        "urllib.request",
    )
}
"""Modules through which I/O, the clock or chance come in."""


def in_layer(name: str) -> list[str]:
    return [module for module in modules() if module.split(".")[0] == name]


def test_every_module_is_in_a_layer() -> None:
    """A new part of the package needs its place in the rule."""
    assert {module.split(".")[0] for module in modules()} == {layer.name for layer in LAYERS}
    assert len(modules()) > 20


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.name or "grokcore")
def test_imports_run_one_way(layer: Layer) -> None:
    """A module imports its own layer and those below it, and no foreign package that is not its
    layer's.
    """
    allowed = layer.packages | sys.stdlib_module_names
    wrong = [
        f"{module or 'grokcore'} imports {imported}"
        for module in in_layer(layer.name)
        for imported in sorted(imports(module))
        if (
            imported.split(".")[0] not in allowed
            if part(imported) is None
            else part(imported) not in {"", *layer.ours}
        )
    ]
    assert wrong == []


ROOMS = {
    "protocol.urls": "",
    "protocol.conversation": "errors protocol",
    "protocol.dialects": "errors protocol protocol.conversation protocol.json_values",
    "protocol.json_values": "errors protocol",
    "protocol.emulation": "errors protocol protocol.conversation protocol.json_values",
    "protocol.grok_web": ("errors protocol protocol.conversation protocol.emulation protocol.urls"),
    "protocol.grok_socket": (
        "errors protocol protocol.conversation protocol.emulation protocol.grok_web"
    ),
    "protocol.languages": "",
    "protocol.official": "errors protocol protocol.conversation protocol.json_values",
    "protocol.pool": "errors protocol protocol.urls",
    "protocol.token_file": "errors protocol protocol.urls",
    "protocol.browser_copy": "errors protocol.urls",
    "protocol.alerts": "protocol",
    "protocol.history": "",
    "protocol.workers": "",
    "protocol.sharing": "errors protocol protocol.pool",
    "protocol.recording": "protocol protocol.grok_socket protocol.grok_web",
    "runtime.disk": "errors protocol",
    "runtime.workers": "protocol.sharing",
    "runtime.sharing": ("protocol protocol.pool protocol.sharing runtime.pool runtime.workers"),
    "runtime.transport": "errors protocol.grok_web protocol.recording runtime runtime.disk",
    "runtime.pool": "errors protocol protocol.conversation protocol.pool",
    "runtime.alerts": "errors protocol protocol.alerts runtime runtime.transport",
    "runtime.attachments": "errors protocol.conversation protocol.urls runtime runtime.transport",
    "runtime.lanes": (
        "errors protocol protocol.conversation runtime runtime.disk runtime.pool runtime.transport"
    ),
    "runtime.lanes.grok_web": (
        "errors protocol protocol.conversation protocol.emulation protocol.grok_web protocol.pool runtime runtime.disk runtime.lanes "
        "runtime.pool runtime.transport"
    ),
    "runtime.lanes.grok_socket": (
        "errors protocol protocol.conversation protocol.grok_socket protocol.grok_web "
        "runtime.disk runtime.lanes runtime.lanes.grok_web runtime.pool runtime.transport"
    ),
    "runtime.lanes.official": (
        "errors protocol protocol.conversation protocol.official runtime runtime.disk "
        "runtime.lanes runtime.pool runtime.transport"
    ),
    "runtime.completion": (
        "errors protocol protocol.conversation protocol.emulation protocol.pool runtime.disk "
        "runtime.lanes runtime.pool"
    ),
    "web.routes": "",
    "web.unknown_paths": "errors",
    "web.responses": "protocol.dialects",
    "web.observing": (
        "errors protocol protocol.conversation protocol.history protocol.pool protocol.urls "
        "protocol.workers runtime.completion runtime.disk"
    ),
    "web.topics": "",
    "web.fellows": "runtime.workers web.observing",
    "web.team": "protocol.workers runtime.workers web.fellows web.observing web.topics",
    "web.lending": "protocol.dialects web.fellows web.topics",
    "web.peer_answers": (
        "protocol.conversation protocol.dialects protocol.workers runtime runtime.disk "
        "web.observing web.services web.topics web.usage"
    ),
    "web.edge": (
        "config errors languages protocol protocol.dialects protocol.languages protocol.urls runtime "
        "web.observing"
    ),
    "web.state": "config protocol protocol.dialects runtime runtime.completion web.edge web.observing",
    "web.delivery": (
        "config errors protocol protocol.conversation protocol.dialects runtime.disk runtime.lanes "
        "web.edge"
    ),
    "web.media": "errors protocol.dialects runtime.disk web.edge web.responses",
    "web.lanes": "protocol protocol.pool runtime.completion",
    "web.condition": (
        "protocol protocol.pool protocol.urls runtime.completion web.lanes web.observing web.state"
    ),
    "web.health": (
        "protocol protocol.pool runtime.completion web.condition web.lanes web.observing web.state"
    ),
    "web.edits": "protocol",
    "web.server": "config errors runtime.completion web.edge web.observing web.state",
    "web.media_maker": "protocol protocol.conversation runtime.disk",
    "web.services": (
        "protocol runtime.attachments runtime.completion web.condition web.delivery web.edits "
        "web.fellows web.media_maker web.observing web.state"
    ),
    "web.videos": (
        "errors protocol protocol.conversation protocol.dialects runtime.disk web.answers web.edge "
        "web.media web.media_maker web.responses web.services web.topics"
    ),
    "web.model_list": "protocol protocol.pool web.edge web.services",
    "web.usage": "protocol web.edge web.model_list web.services",
    "web.openapi": "errors protocol protocol.dialects web.edge web.responses web.services",
    "web.answers": (
        "config errors protocol protocol.conversation protocol.dialects protocol.pool runtime "
        "runtime.attachments runtime.completion runtime.disk runtime.lanes web.delivery web.edge "
        "web.lending web.media_maker web.model_list web.responses web.services"
    ),
    "web.dashboard": (
        "config errors languages protocol protocol.dialects protocol.languages protocol.pool runtime "
        "runtime.completion runtime.pool web.condition web.edge web.edits web.health web.lanes "
        "web.observing web.responses web.routes web.services web.state web.topics"
    ),
    "web.stored_responses": (
        "errors protocol.dialects web.answers web.edge web.lending web.responses web.services"
    ),
    "web.app": (
        "config errors protocol.dialects runtime.disk web.answers web.dashboard web.edge "
        "web.condition web.health web.media web.model_list web.observing web.openapi web.responses web.routes "
        "web.services web.stored_responses web.unknown_paths web.usage web.videos"
    ),
}
"""The parts of grokcore that each room may import beside itself. ``protocol`` and ``runtime`` are
the ground floors of the two halves; in ``web``, a module beside the rooms is a room of its own.

So dialects and lanes know nothing of each other, the pool knows no wire, the conversation knows no
room above it, and completions know the seam of lanes and no lane. A request to Grok goes through a
lane's use of the transport. The edge knows no answer, and only the app knows the answers."""


def room(module: str) -> str:
    """The room that a module (without ``grokcore.``) lies in; of the other layers, the layer."""
    parts = module.split(".")
    lane = ".".join(parts[:3])
    if parts[:2] == ["runtime", "lanes"] and is_package(lane):
        return lane  # each has a room of its own, beside that of the seam
    inner = ".".join(parts[:2])
    in_room = parts[0] in {"protocol", "runtime"} and len(parts) > 1 and is_package(inner)
    return inner if in_room or parts[0] == "web" else parts[0]


def test_every_room_is_in_the_table() -> None:
    """A new room needs its place in the rule."""
    assert {room(module) for module in modules() if "." in room(module)} == set(ROOMS)


@pytest.mark.parametrize("name", ROOMS)
def test_rooms_import_only_what_the_table_says(name: str) -> None:
    """Each with the whole of what it needs, and nothing of a neighbour."""
    allowed = {"", name, *ROOMS[name].split()}
    found = {
        (module, imported.removeprefix("grokcore").removeprefix("."))
        for module in modules()
        if room(module) == name
        for imported in imports(module)
        if part(imported) is not None
    }
    assert {
        (module, imported) for module, imported in found if room(imported) not in allowed
    } == set()


def test_the_table_of_rooms_allows_nothing_that_is_not_used() -> None:
    """What a room has done without for long, it shall not come to need by accident."""
    used = {
        (room(module), room(imported.removeprefix("grokcore").removeprefix(".")))
        for module in modules()
        for imported in imports(module)
        if part(imported) is not None
    }
    allowed = {(name, one) for name, ones in ROOMS.items() for one in ones.split()}
    assert allowed - used == set()


def test_no_room_needs_one_that_needs_it() -> None:
    """Rooms can be read one after the other, from the ground floor up."""
    order = list(
        TopologicalSorter({name: row.split() for name, row in ROOMS.items()}).static_order()
    )
    assert set(ROOMS) <= set(order)


@pytest.mark.parametrize(
    "module", [*in_layer("protocol"), *in_layer("errors"), *in_layer("config")]
)
def test_the_pure_half_has_no_way_to_do_io(module: str) -> None:
    """No I/O, no clock, no chance and no log: they come in as arguments."""
    assert {
        name for name in imports(module) if name in IMPURE or name.split(".")[0] in IMPURE
    } == set()


def test_the_web_layer_knows_the_seam_of_lanes_and_no_lane() -> None:
    """What an answer made is fetched through its completion, and a question is rendered by its
    lane: no route knows the words or the wire of Grok.
    """
    found = {
        name
        for module in in_layer("web")
        for name in imports(module)
        if "runtime.lanes." in name or "protocol.grok_web" in name
    }
    assert found == {"grokcore.runtime.lanes.lane"}


def test_one_package_knows_curl() -> None:
    """It uses private functions of it."""
    users = [m for m in modules() if any(name.split(".")[0] == "curl_cffi" for name in imports(m))]
    assert users
    assert all(user.startswith("runtime.transport.curl") for user in users)


REDIS = {"runtime.sharing.redis_faults", "runtime.sharing.redis_link"}


def test_two_modules_know_the_client_of_redis() -> None:
    """They are loaded when a table in a Redis is opened, which few servers have: it takes half a
    second.
    """
    users = {m for m in modules() if {"coredis", "anyio"} & {n.split(".")[0] for n in imports(m)}}
    assert users == REDIS
    slow = {f"grokcore.{name}" for name in (*REDIS, "runtime.sharing.redis_table")}
    early = {
        (module, name)
        for module in modules()
        for name in imports(module, at_import=True)
        if name in slow and f"grokcore.{module}" not in slow
    }
    assert early == {("runtime.sharing.redis_opening", "grokcore.runtime.sharing.redis_table")}


def test_nobody_imports_the_command_line_but_the_entry() -> None:
    """And nobody imports the entry."""
    users = {m for m in modules() if any(part(name) in {"cli", "__main__"} for name in imports(m))}
    assert users - set(in_layer("cli")) == {"__main__"}


def test_there_are_no_cycles() -> None:
    """Every module can be read after those that it imports, function bodies aside."""
    graph = {
        module: {
            name.removeprefix("grokcore.") for name in imports(module, at_import=True) if part(name)
        }
        for module in modules()
    }
    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(f"cycle: {error.args[1]}")
    assert set(order) == {module for module in modules() if module or module in order}


def called(node: ast.Call) -> str:
    """The last name of what is called: ``open`` of ``io.open(…)``."""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


DOES_SOMETHING = {
    "open",
    "read_text",
    "read_bytes",
    "write_text",
    "write_bytes",
    "mkdir",
    "unlink",
    "getenv",
    "exists",
} | {
    *(
        "socket",
        "connect",
        "Thread",
        "start",
        "Lock",
        "run",
        "system",
        "print",
        "basicConfig",
        "sleep",
        "now",
        "token_hex",
    )
}


@pytest.mark.parametrize("module", [module for module in modules() if module != "__main__"])
def test_nothing_happens_at_import(module: str) -> None:
    """No file is read, no lock or thread made, no environment looked at."""
    nodes = list(outside_functions(modules()[module]))
    calls = [called(node) for node in nodes if isinstance(node, ast.Call)]
    assert [name for name in calls if name in DOES_SOMETHING] == []
    assert [
        node.attr
        for node in nodes
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "argv"}
    ] == []


def test_nothing_can_be_seen_from_these_tests_that_is_not_there() -> None:
    """The reader of imports understands every form."""
    assert {"__future__", "orjson", "grokcore.protocol.lenient_json"} <= imports(
        "protocol.grok_web.lines"
    )
    assert "grokcore.simulator.lines" in imports("simulator.scripts")
    assert "grokcore.config.loading" in imports("config")
    assert "grokcore" in imports("web.health")
    assert imports("__main__") == {"sys", "grokcore.cli"}
