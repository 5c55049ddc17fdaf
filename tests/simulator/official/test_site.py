"""The simulated services beside a whole server."""

from __future__ import annotations

from tests.servers import Site, on_site

from .place import KEYED


@on_site(
    official=True,
    config='[api]\nkey = "xai-test"\nbase_url = "{api_url}"\n[cli]\nbase_url = "{cli_url}"\n',
)
async def test_a_server_is_told_where_they_are(site: Site) -> None:
    """The placeholders in the settings become base URLs, and requests there are recorded."""
    config = site.server.state.config
    assert (config.api.base_url, config.cli.base_url) == (
        site.official_urls.api,
        site.official_urls.cli,
    )
    reply = await site.client.get(f"{site.official_urls.api}/models", headers=KEYED)
    assert reply.status_code == 200
    assert site.official.calls[-1].path == "/models"
    assert site.official_urls.cli.endswith("/cli/v1")
