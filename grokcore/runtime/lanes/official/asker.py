"""Questions to xAI about an account that cost nothing: its models, its credits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from attrs import frozen

from ....errors import (
    CliOutdated,
    GrokApiError,
    OfficialCredentialRejected,
    UpstreamFailure,
)
from ....protocol.models import LaneName
from ....protocol.official.billing import CREDITS_PATH, Credits, parse_billing
from ....protocol.official.model_list import OfficialModel, merged, parse_models
from ...transport.seam import Transport
from .calls import get_json
from .credentials import Credential, CredentialSource

__all__ = ["OfficialAsker"]

ASK_S = 30.0
"""Bound for one request, in seconds."""


@frozen
class OfficialAsker:
    """Asks with the credential of the moment.

    A credential that xAI refuses is read anew, as is a version that it calls outdated. If that
    brings another one, the request is made once more.

    :ivar base_url: without a slash at its end.
    :ivar headers: makes a request's headers.
    :ivar refusal: makes the error of an answer with a status other than 200, of its status, headers
        and body.
    """

    transport: Transport
    lane: LaneName
    base_url: str
    source: CredentialSource
    headers: Callable[[Credential], Iterable[tuple[str, str]]]
    refusal: Callable[[int, Mapping[str, str], bytes], GrokApiError]
    proxy_url: str = ""

    async def models(self) -> tuple[OfficialModel, ...]:
        """All models that xAI lists, with the facts of all its lists.

        :raises GrokApiError: if it lists none; the class says why.
        """
        if self.lane is LaneName.CLI:
            return await self._listed("/models")
        try:
            detailed = await self._listed("/language-models")
        except OfficialCredentialRejected:
            raise
        except GrokApiError as error:
            error.drop_frames()
            return await self._listed("/models")
        try:
            return merged(detailed, await self._listed("/models"))
        except GrokApiError as error:
            error.drop_frames()
            return detailed

    async def credits(self) -> Credits:
        """The credits of the CLI's session.

        :raises GrokApiError: if xAI does not report them.
        """
        found = parse_billing(await self._get(CREDITS_PATH))
        if found is None:
            raise UpstreamFailure("xAI's answer does not hold the credits of the session.")
        return found

    async def _listed(self, path: str) -> tuple[OfficialModel, ...]:
        models = parse_models(await self._get(path))
        if not models:
            raise UpstreamFailure(f"xAI's list of models ({path}) has no models.")
        return models

    async def _get(self, path: str) -> bytes:
        """The body of an answer.

        :raises GrokApiError: if there is no credential, or the request was refused or failed.
        """
        used = await self._credential()
        try:
            return await self._get_with(used, path)
        except (OfficialCredentialRejected, CliOutdated) as error:
            if isinstance(error, CliOutdated):
                self.source.forget_version()
            other = await self._credential(stale=used.key)
            if (other.key, other.version) == (used.key, used.version):
                raise
            error.drop_frames()
        return await self._get_with(other, path)

    async def _credential(self, *, stale: str = "") -> Credential:
        await self.source.refresh(stale=stale)
        if self.source.current is None:
            raise OfficialCredentialRejected(self.source.fault)
        return self.source.current

    async def _get_with(self, credential: Credential, path: str) -> bytes:
        status, headers, body = await get_json(
            self.transport,
            self.base_url + path,
            self.headers(credential),
            proxy_url=self.proxy_url,
            seconds=ASK_S,
            secrets=credential.secrets,
        )
        if status == 200:
            return body
        error = self.refusal(status, headers, body)
        for secret in credential.secrets:
            error.redact(secret)
        raise error
