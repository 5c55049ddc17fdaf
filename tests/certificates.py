"""Certificates of a test's own, as files."""

from __future__ import annotations

from pathlib import Path

import trustme

__all__ = ["issue"]


def issue(folder: Path, authority: trustme.CA | None = None) -> tuple[str, str, str]:
    """Files in *folder* for a server at 127.0.0.1: certificate chain, its key, and the authority
    that vouches for it.
    """
    authority = authority or trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    chain, key, ca = folder / "chain.pem", folder / "key.pem", folder / "ca.pem"
    chain.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(key)
    authority.cert_pem.write_to_path(ca)
    return str(chain), str(key), str(ca)
