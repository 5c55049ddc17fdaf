"""Rules of routes; their marks are held against the description in test_openapi.py."""

from __future__ import annotations

import pytest
from werkzeug.routing import Map

from grokcore.web.routes import MatchingRule


def test_a_rule_is_matched_and_builds_no_url() -> None:
    """A server starts sooner without the code that builds URLs, and one who needs it learns why it
    is not there.
    """
    rule = MatchingRule("/media/<name>", endpoint="media", methods=["GET"])
    routes = Map([rule]).bind("localhost")
    assert routes.match("/media/a.png") == ("media", {"name": "a.png"})
    with pytest.raises(RuntimeError, match="not built here: /media/<name>"):
        routes.build("media", {"name": "a.png"})
