"""The rules for requests of this server's own page, as a table."""

from __future__ import annotations

import pytest
from attrs import field, frozen

from grokcore.errors import OriginNotAllowed
from grokcore.web.edge.own_page import require_own_page


@frozen
class Case:
    """The headers of a request, and whether it is admitted with a key, and without any."""

    name: str
    keyed: bool
    keyless: bool
    headers: dict[str, str] = field(factory=dict)


HOST = "127.0.0.1:8000"
OWN = {"origin": f"http://{HOST}", "sec-fetch-site": "same-origin"}

CASES = [
    Case("the page", True, True, OWN),
    Case("an older browser's page", True, True, {"origin": f"http://{HOST}"}),
    Case("only Sec-Fetch-Site", True, True, {"sec-fetch-site": "same-origin"}),
    Case("a program", True, False),
    Case("another site", False, False, {"sec-fetch-site": "cross-site", "origin": "https://e.com"}),
    Case(
        "another port",
        False,
        False,
        {"sec-fetch-site": "same-site", "origin": "http://127.0.0.1:9"},
    ),
    Case(
        "a false origin", False, False, {"sec-fetch-site": "same-origin", "origin": "https://e.com"}
    ),
    Case("a hidden origin", False, False, {"origin": "null"}),
    Case("an extension", False, False, {"origin": f"chrome-extension://{HOST}"}),
    Case("an origin without a host", False, False, {"origin": "http://"}),
    Case("typed by a person", False, False, {"sec-fetch-site": "none"}),
    Case(
        "by localhost",
        True,
        True,
        {**OWN, "host": "localhost:8000", "origin": "http://localhost:8000"},
    ),
    Case("by IPv6", True, True, {**OWN, "host": "[::1]:8000", "origin": "http://[::1]:8000"}),
    Case("by a name", True, False, {**OWN, "host": "e.com", "origin": "https://e.com"}),
    Case(
        "by another address", True, False, {**OWN, "host": "10.0.0.5", "origin": "http://10.0.0.5"}
    ),
    Case("by public_url", True, True, {**OWN, "origin": "https://grok.example.com"}),
    Case("without a host", True, False, {"host": ""}),
    Case("through a proxy", True, False, {**OWN, "x-forwarded-for": "203.0.113.5"}),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("keyed", [True, False])
def test_only_the_own_page_and_programs_with_a_key_are_admitted(case: Case, *, keyed: bool) -> None:
    """A page of another site that the owner visits can't change the token file."""
    admitted = True
    try:
        require_own_page(
            {"host": HOST, **case.headers}, keyed=keyed, public_url="https://grok.example.com/x"
        )
    except OriginNotAllowed:
        admitted = False
    assert admitted == (case.keyed if keyed else case.keyless)
