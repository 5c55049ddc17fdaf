"""What ``docs/`` says is held against the code: codes and advice, links, settings, metrics, log
fields, commands.
"""

from __future__ import annotations

import logging
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import attrs
import pytest
import trio
from attrs import evolve
from prometheus_client.parser import text_string_to_metric_families

from grokcore import errors
from grokcore.cli import main
from grokcore.config import SECTIONS, load_config
from grokcore.config.sections import KeyConfig
from grokcore.errors import GrokApiError, UpstreamFailure
from grokcore.protocol.advice import ADVICE, OFFICIAL_ADVICE
from grokcore.protocol.condition import SharedPool
from grokcore.protocol.dialects.openai_errors import error_type
from grokcore.protocol.models import LaneName
from grokcore.runtime.completion.facts import Manner, Times
from grokcore.runtime.completion.gateway import Completion
from grokcore.simulator.official.app import KEY
from grokcore.simulator.scripts import answer, page
from grokcore.web.observing.gauges import gauges_of_shared_pool
from grokcore.web.observing.request_log import RequestLog
from grokcore.web.observing.trace import Trace
from tests.servers import Site, on_site, run_on_site

ROOT = Path(__file__).parent.parent
DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)

FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)


def text_of(name: str) -> str:
    return (ROOT / "docs" / name).read_text("utf-8")


def blocks(text: str, language: str) -> list[str]:
    """The code blocks of one language, without their indentation."""
    return [
        re.sub(f"^{indent}", "", code, flags=re.MULTILINE)
        for indent, tongue, code in FENCE.findall(text)
        if tongue == language
    ]


def prose(text: str) -> str:
    """Without code blocks, on one line."""
    return " ".join(FENCE.sub("", text).split())


def section(text: str, heading: str) -> str:
    """From a heading of the second rank to the next."""
    _, found, rest = text.partition(f"\n## {heading}\n")
    assert found, heading
    return rest.partition("\n## ")[0]


def rows(text: str) -> list[list[str]]:
    """The cells of all tables, without headings."""
    lines = [
        line.strip().strip("|").split("|")
        for line in text.splitlines()
        if re.match(r" *\| `", line)
    ]
    return [[cell.strip() for cell in cells] for cells in lines]


def named(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


# Errors -----------------------------------------------------------------------------------------


def error_sections() -> dict[str, str]:
    """By their headings."""
    _, *found = re.split(
        r"^### ", section(text_of("troubleshooting.md"), "By error code"), flags=re.MULTILINE
    )
    return {heading: body for heading, _, body in (part.partition("\n") for part in found)}


def test_every_error_has_a_section_under_its_status() -> None:
    """One for each code, with its status, and none for a code that does not exist."""
    leaves = [
        leaf
        for leaf in vars(errors).values()
        if isinstance(leaf, type) and issubclass(leaf, GrokApiError)
    ]
    expected = {
        f"`{leaf.code}` ({leaf.status})"
        if leaf.code
        else f"No code, `type` `{error_type(leaf.status)}` ({leaf.status})"
        for leaf in leaves
        if leaf is not GrokApiError
    }

    assert set(error_sections()) == expected


def test_the_sections_stand_in_the_order_of_the_readme() -> None:
    """Who comes from its table finds them as they are there."""
    table = re.findall(
        r"^\| `([a-z_]+)` \| \d{3} \|",
        (ROOT / "docs" / "reference.md").read_text("utf-8"),
        re.MULTILINE,
    )
    headings = [heading for heading in error_sections() if heading.startswith("`")]

    assert [named(heading)[0] for heading in headings] == table


@pytest.mark.parametrize("code", ADVICE)
def test_the_advice_is_that_of_the_status_page(code: str) -> None:
    """What the page and ``check`` say stands in the code's section, word for word."""
    body = next(
        body for heading, body in error_sections().items() if heading.startswith(f"`{code}` ")
    )

    assert f"→ {ADVICE[code]}" in prose(body)


@pytest.mark.parametrize(("leaf", "words"), [(leaf, words) for leaf, _, words in OFFICIAL_ADVICE])
def test_so_is_that_for_official_lanes(leaf: type[GrokApiError], words: str) -> None:
    """It stands in the section of the code that the class shares."""
    body = error_sections()[f"`{leaf.code}` ({leaf.status})"]

    assert f"→ {words}" in prose(body)


# Links ------------------------------------------------------------------------------------------


def anchors(path: Path) -> set[str]:
    """What headings can be linked as, by GitHub's rule."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", path.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@PAGES
def test_links_lead_somewhere(path: Path) -> None:
    """To a file that is there, and to a heading that is in it."""
    for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", FENCE.sub("", path.read_text("utf-8"))):
        file, _, anchor = target.partition("#")
        there = (path.parent / file).resolve() if file else path
        assert there.exists(), target
        assert not anchor or anchor in anchors(there), target


def test_the_index_has_every_page() -> None:
    """Nobody has to look into the folder."""
    linked = set(re.findall(r"\]\(([\w-]+\.md)\)", text_of("README.md")))

    assert linked == {page.name for page in DOCS} - {"README.md"}


# Settings ---------------------------------------------------------------------------------------


@PAGES
def test_settings_that_are_named_exist(path: Path) -> None:
    """As ``[section] key``, as ``[[keys]] key``, and as variables."""
    text = path.read_text("utf-8")
    words = " ".join(text.split())
    for name, key in re.findall(r"\[(\w+)\] ([a-z_]+)", words):
        if name in SECTIONS:
            assert key in attrs.fields_dict(SECTIONS[name]), f"[{name}] {key}"
    for key in re.findall(r"\[\[keys\]\] ([a-z_0-9]+)", words):
        assert key in attrs.fields_dict(KeyConfig), f"[[keys]] {key}"
    for name, key in re.findall(rf"GROK2API_({'|'.join(SECTIONS).upper()})_([A-Z_]+)", text):
        assert key.lower() in attrs.fields_dict(SECTIONS[name.lower()]), f"GROK2API_{name}_{key}"


@PAGES
def test_pieces_of_configuration_can_be_copied(path: Path) -> None:
    """They are read without a warning. Those of clients are looked at by tests/test_clients_doc.py."""
    pieces = [] if path.name == "clients.md" else blocks(path.read_text("utf-8"), "toml")
    for code in pieces:
        assert load_config(code)[1] == [], code


# Observing --------------------------------------------------------------------------------------


async def metrics_page(site: Site) -> str:
    """After an answer, a correction and a failure, so that each metric has a sample."""
    assert (await site.ask()).status_code == 200
    tools = [{"type": "function", "function": {"name": "now"}}]
    site.simulator.always(answer('<fn:call name="now">'))
    assert (await site.ask(tools=tools)).status_code == 502
    site.simulator.default = lambda _: page(403)
    assert (await site.ask()).status_code == 502
    await site.settled()
    return (await site.client.get("/metrics")).text


PAID = f"""
[api]
key = "{KEY}"
base_url = "{{api_url}}"
"""
"""A server with the paid lane."""


def test_the_metrics_are_those_of_the_server() -> None:
    """All of them, by the names and labels that Prometheus sees; those of the process are named
    together.
    """
    documented = {
        named(cells[0])[0]: set(named(cells[2]))
        for cells in rows(section(text_of("operations.md"), "Metrics"))
    }
    found: dict[str, set[str]] = {}

    async def scenario(site: Site) -> None:
        for family in text_string_to_metric_families(await metrics_page(site)):
            name = f"{family.name}_total" if family.type == "counter" else family.name
            name = "process_*" if name.startswith("process_") else name
            if not name.endswith("_created"):
                labels = {label for sample in family.samples for label in sample.labels} - {"le"}
                found.setdefault(name, set()).update(labels)

    run_on_site(scenario, official=True, config=PAID)
    documented.pop("process_*")
    for name in ("grok2api_workers", "grok2api_worker_up"):  # tests/test_workers.py has those
        documented.pop(name)
    shared = SharedPool("a table", 3, 2, gone="no route")
    for metric in gauges_of_shared_pool(shared):
        found.setdefault(metric.name, set())
    assert [*gauges_of_shared_pool(None)] == []
    found.pop("process_*", None)  # they are on Linux only

    assert found == documented


@PAGES
def test_metrics_that_are_named_exist(path: Path) -> None:
    """In queries too, where histograms have buckets."""
    known = {named(cells[0])[0] for cells in rows(section(text_of("operations.md"), "Metrics"))}
    for name in re.findall(r"(?<!\")\bgrok2api_\w+", path.read_text("utf-8")):
        assert re.sub(r"_(bucket|count|sum)$", "", name) in known, name


def test_the_fields_of_a_request_are_those_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """All of them, in their order."""
    completion = SimpleNamespace(
        token_id="t",
        attempts=1,
        failed=["upstream_error@t"],
        corrections=1,
        times=Times(queue_s=1, upload_s=1, first_at=1),
        manner=Manner(LaneName.API),
        cost=123_000_000,
    )
    trace = Trace(
        "req_1", "POST", "/", 0.0, asks=True, model="m", key="k", stream=True, status=200, ended=1.0
    )
    trace.completion = cast(Completion, completion)
    trace.usage = lambda: {"prompt_tokens": 1, "completion_tokens": 1}
    trace.fail(UpstreamFailure("no"))
    with caplog.at_level(logging.INFO):
        RequestLog().request_ended(trace)
    fields = caplog.records[-1].fields["request"]  # type: ignore[attr-defined]

    documented = [
        named(cells[0])[0] for cells in rows(section(text_of("operations.md"), "The log"))
    ]
    assert documented == list(fields)


@on_site
async def test_what_health_says_of_grok_is_explained(site: Site) -> None:
    """Each counter has its row."""
    documented = [
        named(cells[0])[0] for cells in rows(section(text_of("drift.md"), "What `/health` says"))
    ]
    health = (await site.client.get("/health")).json()
    assert set(documented) == set(health["upstream"])


# Commands ---------------------------------------------------------------------------------------

PROGRAM = re.compile(r"(?:^|\s)(?:python3 grok2api\.py|(?:\./)?grok2api(?:\.pyz)?)(?= |$)")
"""What a command begins with, maybe behind another program's."""

OTHERS = (
    *("pm2 ", "docker build ", "docker run ", "data: ", "nssm ", "schtasks ", "systemctl "),
    *("uv tool ", "pipx ", "docker volume ", "python3 grok2api.py 3"),
)
"""What only names it."""

SHOWN = re.compile(r"(?:serve|models|tokens|check|replay|build)(?: .*)?")
"""A command in prose, without the program."""


def commands(text: str) -> Iterator[list[str]]:
    """The words behind the program's name, in shell blocks and in prose."""
    lines = [line for code in blocks(text, "sh") for line in code.replace("\\\n", " ").splitlines()]
    spans = [" ".join(span.split()) for span in named(FENCE.sub("", text))]
    for line in (*lines, *spans):
        if (start := PROGRAM.search(line)) and not line.startswith(OTHERS):
            yield shlex.split(line[start.end() :], comments=True)
    for span in filter(SHOWN.fullmatch, spans):
        yield shlex.split(span)


def help_of(command: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as ended:
        main([*command, "--help"])
    assert ended.value.code == 0, command
    return capsys.readouterr().out


@PAGES
def test_commands_and_flags_exist(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each command that is shown is one of the parser's, and so are its flags."""
    for words in commands(path.read_text("utf-8")):
        most = 2 if words[:1] in (["tokens"], ["keys"]) else 1
        command = [word for word in words[:most] if re.fullmatch("[a-z][a-z-]*", word)]
        told = help_of(command, capsys)
        for flag in (word.partition("=")[0] for word in words if word.startswith("--")):
            assert re.search(rf"{flag}\b", told), words


# Clients and the code ---------------------------------------------------------------------------


def test_the_recipe_for_openai_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """All of it, as it stands there, with the real package."""
    recipe = "\n".join(blocks(section(text_of("clients.md"), "openai (Python)"), "python"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lighthouse.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")

    async def scenario(site: Site) -> None:
        config = site.server.state.config
        site.server.adopt_config(evolve(config, grok=evolve(config.grok, assets_url=site.grok_url)))
        code = compile(recipe.replace("http://127.0.0.1:8000", site.url), "clients.md", "exec")
        await trio.to_thread.run_sync(exec, code, {})

    run_on_site(scenario)
    assert (tmp_path / "night.jpg").stat().st_size > 0
    assert "404 model_not_found" in capsys.readouterr().out


def test_the_recipe_for_anthropic_works(capsys: pytest.CaptureFixture[str]) -> None:
    """Whole, streamed and counted, with the real package."""
    (recipe,) = blocks(section(text_of("clients.md"), "anthropic (Python)"), "python")

    async def scenario(site: Site) -> None:
        code = compile(recipe.replace("http://127.0.0.1:8000", site.url), "clients.md", "exec")
        await trio.to_thread.run_sync(exec, code, {})

    run_on_site(scenario)
    whole, streamed = capsys.readouterr().out.split(" end_turn\n")
    text, _, tokens = streamed.strip().rpartition("!")
    assert f"{text}!" == whole
    assert int(tokens) > 0


@PAGES
def test_pieces_of_python_are_python(path: Path) -> None:
    """They can be copied."""
    for code in blocks(path.read_text("utf-8"), "python"):
        compile(code, path.name, "exec")


def test_what_of_the_protocol_is_data_is_where_it_is_said_to_be() -> None:
    """Files and names exist."""
    table = [line.split("|") for line in text_of("drift.md").splitlines() if "| `grokcore/" in line]
    assert len(table) > 5
    for _, _, file, names, _ in table:
        source = (ROOT / named(file)[0]).read_text("utf-8")
        for name in named(names):
            assert re.search(rf"^(def |class )?{name}\b", source, re.MULTILINE), name


def test_the_places_that_the_architecture_names_exist() -> None:
    """Files and folders in backticks, below the package or the checkout; a test's name behind a
    file is not looked at.
    """
    text = (ROOT / "docs" / "developers" / "architecture.md").read_text("utf-8")
    named = set(re.findall(r"`([a-z0-9_./]+(?:/|\.py|\.json|\.toml|/[a-z_]+))`", text))
    assert len(named) > 40
    below = (ROOT, ROOT / "grokcore", ROOT / "grokcore" / "protocol", ROOT / "grokcore" / "web")
    assert {
        name for name in named if not any((folder / name).exists() for folder in below)
    } <= BESIDE


BESIDE = {
    *(
        "hypercorn_fixes.py",
        "test_wholeness.py",
        "openai_chat/writers.py",
        "messages.py",
        "shelves.py",
        "decoder.py",
        "admission.py",
    ),
}
"""Named right behind a file of the same folder."""
