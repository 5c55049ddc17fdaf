"""Certificates for the tests of the transport."""

from __future__ import annotations

import pytest
import trustme

from tests.certificates import issue


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """A certificate authority of our own."""
    return trustme.CA()


@pytest.fixture(scope="module")
def tls(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str, str]:
    """Files: certificate chain, its key, and the authority that vouches for it."""
    return issue(tmp_path_factory.mktemp("tls"), authority)
