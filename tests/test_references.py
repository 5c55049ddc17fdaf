"""References lead somewhere: links in documents, sections and paths that code names, targets of
roles in docstrings.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest
from attrs import Factory, frozen

from .markdown import slugs, without_code

ROOT = Path(__file__).parent.parent
CODE = ("grokcore", "tests", "bench")
SECTION_SIGN = "\N{SECTION SIGN}"

DOCUMENTS = sorted(
    path
    for pattern in (
        "*.md",
        "docs/**/*.md",
        "grokcore/**/*.md",
        "tests/**/*.md",
        "bench/**/*.md",
        "deploy/**/*.md",
    )
    for path in ROOT.glob(pattern)
)
SOURCES = [
    ROOT / "grok2api.py",
    *sorted(path for part in CODE for path in (ROOT / part).rglob("*.py")),
]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


EACH_DOCUMENT = pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)


# Documents --------------------------------------------------------------------------------------

CODE_SPAN = re.compile(r"`[^`]*`")


def text_of(path: Path) -> str:
    """Without code blocks."""
    return without_code(path.read_text("utf-8"))


@cache
def anchors(path: Path) -> frozenset[str]:
    """Anchors of the headings."""
    return frozenset(slugs(path.read_text("utf-8")))


def links(path: Path) -> list[str]:
    """Relative targets: of links, pictures, link definitions, and of ``href`` and ``src``."""
    text = CODE_SPAN.sub("", text_of(path))
    found = re.findall(r"\]\(\s*([^)\s]+)", text)
    found += re.findall(r"^\[[^]]+\]:\s*(\S+)", text, re.MULTILINE)
    found += re.findall(r"(?:href|src)=\"([^\"]+)\"", text)
    return [target for target in found if not re.match(r"[a-z]+:", target)]


@EACH_DOCUMENT
def test_links_lead_to_a_file_and_a_heading(path: Path) -> None:
    """In all documents, also from one to another."""
    for target in links(path):
        file, _, anchor = target.partition("#")
        there = (path.parent / file).resolve() if file else path
        assert there.exists(), target
        assert not anchor or anchor in anchors(there), target


def test_links_are_found_in_each_form() -> None:
    """The reader of links is not blind."""
    assert {"../reference.md#errors", "../troubleshooting.md"} <= set(
        links(ROOT / "docs/developers/architecture.md")
    )
    assert "plot.png" in links(ROOT / "bench/README.md")
    assert "errors" in anchors(ROOT / "docs/reference.md")
    assert "0-how-to-read-this-page" in anchors(PROTOCOL)


PLACE = re.compile(
    r"`((?:grokcore|tests|bench|docs|deploy|\.ci|protocol|runtime|web|cli|config|simulator)/[\w./-]*|test_\w+\.py)`"
)
"""A file or folder as documents for developers name it: from the root, or from ``grokcore``."""

DEVELOPERS = sorted((ROOT / "docs/developers").glob("*.md"))
FOR_DEVELOPERS = [
    *DEVELOPERS,
    ROOT / "docs/CONTRIBUTING.md",
    ROOT / "docs/SECURITY.md",
    ROOT / "docs/drift.md",
]


def is_there(place: str) -> bool:
    if re.fullmatch(r"test_\w+\.py", place):
        return any((ROOT / "tests").rglob(place))
    return (ROOT / place).exists() or (ROOT / "grokcore" / place).exists()


@pytest.mark.parametrize("path", FOR_DEVELOPERS, ids=name_of)
def test_files_and_folders_that_are_named_exist(path: Path) -> None:
    """So that a move of a module is seen where it is described."""
    assert [place for place in PLACE.findall(text_of(path)) if not is_there(place)] == []


def test_the_index_has_every_page_for_developers() -> None:
    """Nobody has to look into the folder."""
    linked = set(links(ROOT / "docs/README.md"))
    assert {f"developers/{page.name}" for page in DEVELOPERS} <= linked


# Sections and documents that code names ---------------------------------------------------------

PROTOCOL = ROOT / "docs/developers/grok-protocol.md"
CITED = re.compile(rf"(RFC \d+ )?{SECTION_SIGN}(\d+(?:\.\d+)*)")
NAMED = re.compile(r"(?<![\w/.*-])((?:[\w-]+/)*[\w-]+\.md)\b")


def in_one_line(path: Path) -> str:
    return re.sub(r"\s+(?:#\s+)?", " ", path.read_text("utf-8"))


@cache
def sections() -> frozenset[str]:
    """Numbers of the sections of the page on Grok's protocol."""
    return frozenset(
        re.findall(r"^##+ (\d+(?:\.\d+)*)\.? ", PROTOCOL.read_text("utf-8"), re.MULTILINE)
    )


def citations(path: Path) -> list[str]:
    """Sections of Grok's protocol that a source names; those of an RFC are not ours."""
    return [number for rfc, number in CITED.findall(in_one_line(path)) if not rfc]


CITING = [path for path in SOURCES if citations(path)]


def test_citations_are_found() -> None:
    """The reader of sections is not blind."""
    assert len(CITING) > 15
    assert {"0", "1.2", "3.3", "4.7"} <= sections()


@pytest.mark.parametrize("path", CITING, ids=name_of)
def test_sections_that_are_cited_exist(path: Path) -> None:
    """A source that cites a section names the page at least once, and the page has that section."""
    assert set(citations(path)) - sections() == set()
    assert PROTOCOL.name in path.read_text("utf-8")


@pytest.mark.parametrize("path", [p for p in DOCUMENTS if SECTION_SIGN in text_of(p)], ids=name_of)
def test_sections_that_documents_cite_exist(path: Path) -> None:
    """Those of the page itself, and those that another page names."""
    assert {number for rfc, number in CITED.findall(text_of(path)) if not rfc} - sections() == set()


DOCUMENT_NAMES = {path.name for path in DOCUMENTS}


@pytest.mark.parametrize(
    "path", [p for p in SOURCES if p.is_relative_to(ROOT / "grokcore")], ids=name_of
)
def test_documents_that_code_names_exist(path: Path) -> None:
    """By their name, or by their path from the root."""
    for name in NAMED.findall(path.read_text("utf-8").replace("notes.md", "")):
        assert (ROOT / name).exists() if "/" in name else name in DOCUMENT_NAMES, name


def test_no_text_is_referred_to_that_is_not_here() -> None:
    """The design of before the code was written is not part of the project."""
    pattern = re.compile(r"\(design[:)]|\bdesign\.md\b|\(\w+-protocol\.md preamble")
    assert [
        name_of(path)
        for path in SOURCES
        if path != Path(__file__) and pattern.search(in_one_line(path))
    ] == []


# Roles in docstrings ----------------------------------------------------------------------------

ROLE = re.compile(r":(mod|class|func|meth|data|attr|exc):`~?([\w.]+)`")


@frozen
class Module:
    """Names of a module: ``Class.member`` too; imported ones lead to where they come from.

    :ivar members: last parts of all ``Class.member``.
    """

    names: set[str] = Factory(set)
    imported: dict[str, str] = Factory(dict)
    bases: dict[str, list[str]] = Factory(dict)
    members: set[str] = Factory(set)


@cache
def index() -> dict[str, Module]:
    """Every module of the project, by its dotted name."""
    found = {}
    for path in SOURCES:
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(part for part in parts if part != "__init__")
        found[name] = read_module(ast.parse(path.read_text("utf-8")), parts[:-1])
    return found


def read_module(tree: ast.Module, package: tuple[str, ...]) -> Module:
    module = Module()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            base = ".".join([*package[: len(package) - node.level + 1]] if node.level else [])
            origin = ".".join(filter(None, [base, node.module]))
            module.imported.update(
                {alias.asname or alias.name: f"{origin}.{alias.name}" for alias in node.names}
            )
        elif isinstance(node, ast.Import):
            module.imported.update({alias.asname or alias.name: alias.name for alias in node.names})
        elif isinstance(node, ast.ClassDef):
            module.bases[node.name] = [ast.unparse(base).partition("[")[0] for base in node.bases]
            module.members.update(members_of(node))
            module.names.update(f"{node.name}.{member}" for member in members_of(node))
    module.names.update(name for node in tree.body for name in bound_by(node))
    return module


def bound_by(node: ast.AST) -> Iterator[str]:
    """Names that a statement binds, also under ``if`` and ``try``."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield node.name
    elif isinstance(node, (ast.Assign, ast.AnnAssign)):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        yield from (
            name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)
        )
    elif isinstance(node, (ast.If, ast.Try)):
        yield from (name for child in ast.iter_child_nodes(node) for name in bound_by(child))


def members_of(cls: ast.ClassDef) -> Iterator[str]:
    """Methods, fields, and what methods assign to ``self``."""
    for node in cls.body:
        yield from bound_by(node)
    for inner in ast.walk(cls):
        if isinstance(inner, ast.Attribute) and isinstance(inner.ctx, ast.Store):
            yield inner.attr


def leads_somewhere(target: str, here: str, *, is_package: bool = False) -> bool:
    """Whether *target* of a role in the module *here* exists: from the root, relative to the
    package, or by its name.
    """
    if target.startswith("."):
        package = here if is_package else here.rpartition(".")[0]
        return exists(f"{package}{target}")
    module = index()[here]
    if "." not in target and target in module.members | module.names:
        return True
    return exists(f"{here}.{target}") or exists(target)


def exists(name: str) -> bool:
    """Whether a dotted name is a module, or something in one."""
    if name in index():
        return True
    module = max((known for known in index() if name.startswith(f"{known}.")), key=len, default="")
    return in_module(module, name.removeprefix(f"{module}.")) if module else is_foreign(name)


def in_module(module: str, rest: str) -> bool:
    known = index()[module]
    first, _, member = rest.partition(".")
    if rest in known.names:
        return True
    if first in known.imported and known.imported[first] != f"{module}.{rest}":
        return exists(known.imported[first] + (f".{member}" if member else ""))
    bases = known.bases.get(first, []) if member else []
    return any(exists(f"{module}.{base}.{member}") for base in bases)


def is_foreign(name: str) -> bool:
    """Whether an installed package has it."""
    first, *rest = name.split(".")
    if first in CODE:
        return False
    for length in range(len(rest), -1, -1):
        try:
            value: object = import_module(".".join([first, *rest[:length]]))
        except ImportError:
            continue
        for attribute in rest[length:]:
            value = getattr(value, attribute, None)
        return value is not None
    return False


ROLES = [
    (path, ROLE.findall(path.read_text("utf-8"))) for path in SOURCES if path != Path(__file__)
]


@pytest.mark.parametrize(
    ("path", "roles"), [case for case in ROLES if case[1]], ids=lambda v: getattr(v, "name", "")
)
def test_targets_of_roles_exist(path: Path, roles: list[tuple[str, str]]) -> None:
    """A renamed class is renamed in the docstrings that point to it."""
    here = ".".join(
        part for part in path.relative_to(ROOT).with_suffix("").parts if part != "__init__"
    )
    lost = [
        target
        for _, target in roles
        if not leads_somewhere(target, here, is_package=path.stem == "__init__")
    ]
    assert lost == []


def test_the_reader_of_names_is_not_blind() -> None:
    """It follows imports and bases, and knows what is not there."""
    assert exists("grokcore.protocol.grok_web.decoder.Decoder.close")
    assert exists("grokcore.protocol.grok_web.lines.LineReader.too_long")
    assert exists("grokcore.protocol.grok_web.decoder.Counters")
    assert not exists("grokcore.protocol.grok_web.decoder.Decoder.open")
    assert not exists("grokcore.protocol.decoder")
    assert not leads_somewhere("parse_nothing", "grokcore.protocol.grok_web.cards")
