"""Errors of a request, as one family of exceptions.

A leaf class names the party at fault (``blame``) and the ``status`` and ``code`` of the response.
``again`` allows this server another attempt, as long as no byte has been sent to the client.
``should_retry`` is for the client's SDK: OpenAI's SDKs repeat a 408, 409, 429 or 5xx unless
``x-should-retry: false`` forbids it, and their attempts multiply with ours. The JSON of an error
belongs to a dialect (:mod:`grokcore.protocol.dialects.openai_errors`,
:mod:`grokcore.protocol.dialects.anthropic_errors`).

Rules:

1. The protocol and runtime layers raise :class:`GrokApiError` on purpose; any other exception
   that leaves them is a bug.
2. A leaf is chosen by the words of Grok's refusal and by whom it concerns, never by a status code
   alone (:mod:`grokcore.protocol.grok_web.refusals`).
3. Only ``Blame.TOKEN`` may count against a token.
4. An error is read-only but for :meth:`~GrokApiError.amend`, :meth:`~GrokApiError.redact`,
   :meth:`~GrokApiError.reword` and :meth:`~GrokApiError.drop_frames`. They change the error
   itself: a copy would lose its traceback.

The docstrings of leaves are published to API users in ``/openapi.json``. A test compares the table
of codes in docs/reference.md with these classes.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable
from typing import ClassVar

__all__ = [
    "AccessDenied",
    "AnswerTooLong",
    "AntiBotRefusal",
    "AttachmentModerated",
    "AttachmentRefused",
    "Blame",
    "Challenge",
    "CliOutdated",
    "ConfigError",
    "ContentPolicyViolation",
    "ContextLengthExceeded",
    "CredentialsRejected",
    "CreditsExhausted",
    "EmptyAnswer",
    "GrokApiError",
    "HostNotAllowed",
    "IncompleteAnswer",
    "InternalError",
    "InvalidApiKey",
    "InvalidRequest",
    "InvalidStructuredOutput",
    "ItemNotFound",
    "KeyLimitExceeded",
    "LineTooLong",
    "MethodNotAllowed",
    "ModeNotIncluded",
    "ModelGone",
    "ModelNotAllowed",
    "ModelNotFound",
    "NoTokens",
    "NoValidTokens",
    "NotImplementedHere",
    "OfficialCredentialRejected",
    "OriginNotAllowed",
    "Overloaded",
    "PermissionDenied",
    "PreviousResponseNotFound",
    "QuotaExhausted",
    "RateLimitExceeded",
    "RequestTooLarge",
    "ResponseNotFound",
    "SharedPoolUnreachable",
    "ShuttingDown",
    "SpendingCapReached",
    "TimeoutChunk",
    "TimeoutFirstResponse",
    "TimeoutTotal",
    "ToolCallFailed",
    "TransportFailure",
    "UnknownUrl",
    "UnsupportedEncoding",
    "UploadFailed",
    "UpstreamFailure",
    "UpstreamOverloaded",
    "UpstreamRefused",
    "UpstreamUnavailable",
    "VideoNotFound",
    "VideoNotReady",
]

MOST_MESSAGE_CHARS = 4000
"""Longest message, in characters; some messages quote a client's request."""

SDK_PATIENCE_S = 60.0
"""Longest ``Retry-After`` (seconds) for which a client is asked to retry: the AI SDK ignores 60 s
and more, and openai-python gives up at once above 120 s."""


class ConfigError(Exception):
    """A fault in a file, flag or environment variable that keeps the server from starting.

    ``str()`` is one line for the owner.
    """


class Blame(enum.Enum):
    """The party at fault; a failure has consequences for this party only."""

    REQUEST = "request"
    TOKEN = "token"  # noqa: S105
    EGRESS = "egress"
    UPSTREAM = "upstream"
    SERVER = "server"


class GrokApiError(Exception):
    """Base class of the family; only leaves are raised.

    :param message: one or two sentences for the client's user. Never holds a token, a cookie or a
        prompt.
    :param param: the request field at fault, as a path (``messages[0].content``).
    :param retry_after: seconds until a retry makes sense, if known.
    :param said: Grok's own words in place of an answer; they end the message and are for the
        client only.
    :cvar repeat_after_s: seconds that a client is asked to wait before a retry if *retry_after* is
        unknown.
    :cvar cause: the name of one credential's failure, if *code* speaks of all; else empty.
    """

    status: ClassVar[int]
    code: ClassVar[str | None]
    blame: ClassVar[Blame] = Blame.UPSTREAM
    again: ClassVar[bool] = False
    sdk_may_repeat: ClassVar[bool] = False
    repeat_after_s: ClassVar[float] = 1.0
    cause: ClassVar[str] = ""

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        retry_after: float | None = None,
        said: str = "",
    ) -> None:
        if type(self) is GrokApiError:
            raise TypeError("GrokApiError is abstract: raise the leaf of the party at fault")
        self._short = message = message[:MOST_MESSAGE_CHARS]
        self._said = said
        self._message = f"{message} It said: {said}" if said else message
        super().__init__(self._message)
        self._param = param
        self._retry_after = retry_after
        self._repeatable: bool | None = None

    @property
    def message(self) -> str:
        """The message for the client's user."""
        return self._message

    @property
    def short(self) -> str:
        """The message without Grok's words, for the server's owner."""
        return self._short

    @property
    def param(self) -> str | None:
        """The request field at fault."""
        return self._param

    @property
    def retry_after(self) -> float | None:
        """Seconds until a retry makes sense; None if unknown."""
        return self._retry_after

    def amend(
        self,
        *,
        param: str | None = None,
        retry_after: float | None = None,
        advice: str = "",
        repeatable: bool | None = None,
    ) -> None:
        """Add facts that the raiser could not know. None leaves a fact as it is.

        :param advice: a sentence for the end of the message.
        :param repeatable: whether the upstream itself allows another attempt (``x-should-retry``).
        """
        self._repeatable = self._repeatable if repeatable is None else repeatable
        if advice:
            self._short, self._message = (
                f"{text} {advice}" for text in (self._short, self._message)
            )
            self.args = (self._message,)
        self._param = self._param if param is None else param
        self._retry_after = self._retry_after if retry_after is None else retry_after

    @property
    def may_repeat(self) -> bool:
        """Whether this server may make another attempt: as the upstream says, else by the class."""
        return self.again if self._repeatable is None else self._repeatable

    @property
    def label(self) -> str:
        """The error's name in logs and metrics: its code, which only an invalid request lacks."""
        return self.code or "invalid_request_error"

    @property
    def attempt_label(self) -> str:
        """The error's name as the failure of one attempt: ``refused_token`` where a client, for
        whom no token is left, is answered with ``no_valid_tokens``.
        """
        return self.cause or self.label

    @property
    def should_retry(self) -> bool:
        """The value of ``x-should-retry``, which clients' SDKs obey."""
        return self.sdk_may_repeat

    def reword(self, translate: Callable[[str], str]) -> None:
        """Put the message into the language of the client's user. ``short`` stays, for log and
        owner, and so do Grok's own words.
        """
        whole = f"{self._short} It said: {self._said}" if self._said else self._short
        self._message = translate(whole)

    def redact(self, secret: str) -> None:
        """Remove *secret* from the message, in case Grok echoed it."""
        if secret in self._message:
            self._short = self._short.replace(secret, "…")
            self._said = self._said.replace(secret, "…")
            self._message = self._message.replace(secret, "…")
            self.args = (self._message,)

    def drop_frames(self) -> None:
        """Drop the traceback: it keeps its frames' objects alive, such as a request's body."""
        self.__traceback__ = self.__context__ = self.__cause__ = None

    def headers(self) -> list[tuple[str, str]]:
        """Response headers that belong to this error (beside the content type)."""
        headers = [("x-should-retry", "true" if self.should_retry else "false")]
        wait = (
            self.repeat_after_s
            if self.retry_after is None and self.should_retry
            else self.retry_after
        )
        if wait is not None:
            headers.append(("retry-after", str(max(1, math.ceil(wait)))))
        return headers


def _worth_waiting(seconds: float | None) -> bool:
    return seconds is not None and seconds <= SDK_PATIENCE_S


# The caller's fault -----------------------------------------------------------------------------


class InvalidRequest(GrokApiError):
    """The request is not valid: malformed JSON, a missing field, a value of the wrong type, or a
    feature that this server can't provide.
    """

    status, code, blame = 400, None, Blame.REQUEST


class InvalidApiKey(GrokApiError):
    """The server asks for an API key, and the request has none, a wrong one, or one that has
    expired.
    """

    status, code, blame = 401, "invalid_api_key", Blame.REQUEST

    def headers(self) -> list[tuple[str, str]]:
        """Headers with the authentication scheme (RFC 9110 §11.6.1)."""
        return [*super().headers(), ("www-authenticate", "Bearer")]


class PermissionDenied(GrokApiError):
    """This route is for the owner, and the API key has limits; or a setting does not allow it."""

    status, code, blame = 403, "permission_denied", Blame.REQUEST


class ModelNotAllowed(GrokApiError):
    """The API key may not use this model."""

    status, code, blame = 403, "model_not_allowed", Blame.REQUEST


class HostNotAllowed(GrokApiError):
    """The Host header is not a name of this server. This defeats DNS rebinding by web pages."""

    status, code, blame = 403, "host_not_allowed", Blame.REQUEST


class OriginNotAllowed(GrokApiError):
    """A web page of another origin sent a request that changes state."""

    status, code, blame = 403, "origin_not_allowed", Blame.REQUEST


class KeyLimitExceeded(GrokApiError):
    """The API key has reached a limit of its own: of requests per minute, per day or at once, or
    of tokens per day.
    """

    status, code, blame = 429, "key_limit_exceeded", Blame.REQUEST

    @property
    def should_retry(self) -> bool:
        """Whether the wait is short enough for SDKs to sit it out."""
        return _worth_waiting(self.retry_after)


class ModelNotFound(GrokApiError):
    """This server has no model of this name; the message suggests similar names."""

    status, code, blame = 404, "model_not_found", Blame.REQUEST


class UnknownUrl(GrokApiError):
    """The path does not exist on this server."""

    status, code, blame = 404, "unknown_url", Blame.REQUEST


class MethodNotAllowed(GrokApiError):
    """The path exists, but not with this method; the ``Allow`` header names its methods."""

    status, code, blame = 405, "method_not_allowed", Blame.REQUEST


class RequestTooLarge(GrokApiError):
    """The request body is larger than ``[server] max_body_mb``."""

    status, code, blame = 413, "request_too_large", Blame.REQUEST


class UnsupportedEncoding(GrokApiError):
    """The server can't decode the request body's ``Content-Encoding``."""

    status, code, blame = 415, "unsupported_encoding", Blame.REQUEST


class NotImplementedHere(GrokApiError):
    """The route belongs to OpenAI's or Anthropic's API, but this server does not implement it."""

    status, code, blame = 501, "not_implemented", Blame.REQUEST


class ContentPolicyViolation(GrokApiError):
    """Grok's moderation blocked the request, the answer or the picture."""

    status, code, blame = 400, "content_policy_violation", Blame.REQUEST


class AttachmentModerated(ContentPolicyViolation):
    """Grok's moderation blocked an uploaded picture or file, not the request itself."""


class ContextLengthExceeded(GrokApiError):
    """The conversation is too long, for Grok or for this server's limits."""

    status, code, blame = 400, "context_length_exceeded", Blame.REQUEST

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        retry_after: float | None = None,
        said: str = "",
        excess: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(message, param=param, retry_after=retry_after, said=said)
        self._excess = excess

    @property
    def excess(self) -> tuple[int, int] | None:
        """Estimates of the conversation's tokens, and of the most that are taken; None if they are
        unknown.
        """
        return self._excess


class AttachmentRefused(GrokApiError):
    """A picture or file can't be used: it can't be fetched, its type is not supported, or Grok
    refused it.
    """

    status, code, blame = 400, "invalid_attachment", Blame.REQUEST


class PreviousResponseNotFound(GrokApiError):
    """The response that ``previous_response_id`` names is not kept here, or not any more."""

    status, code, blame = 400, "previous_response_not_found", Blame.REQUEST


class ItemNotFound(GrokApiError):
    """The item that an ``item_reference`` names is not kept here, or not any more."""

    status, code, blame = 404, "item_not_found", Blame.REQUEST


class ResponseNotFound(GrokApiError):
    """No response with this id is kept here, or not any more."""

    status, code, blame = 404, "response_not_found", Blame.REQUEST


class VideoNotFound(GrokApiError):
    """No video with this id is this key's, or xAI does not have it any more."""

    status, code, blame = 404, "video_not_found", Blame.REQUEST


class VideoNotReady(GrokApiError):
    """The video is still being made, or could not be made."""

    status, code, blame = 409, "video_not_ready", Blame.REQUEST


# This server's state ----------------------------------------------------------------------------


class NoTokens(GrokApiError):
    """No token is configured that may use this model."""

    status, code, blame = 503, "no_tokens", Blame.SERVER


class NoValidTokens(GrokApiError):
    """Grok rejected the credentials of every token that may use this model."""

    status, code, blame = 503, "no_valid_tokens", Blame.SERVER


class RateLimitExceeded(GrokApiError):
    """Every token that may use this model is used up or cooling; ``Retry-After`` gives the time
    until the first is back.
    """

    status, code, blame = 429, "rate_limit_exceeded", Blame.SERVER

    @property
    def should_retry(self) -> bool:
        """Whether the wait is short enough for SDKs to sit it out."""
        return _worth_waiting(self.retry_after)


class Overloaded(GrokApiError):
    """The server is at its limit: the queue for a token is full, or too many requests or
    connections are open.
    """

    status, code, blame, sdk_may_repeat = 503, "overloaded", Blame.SERVER, True


class SharedPoolUnreachable(GrokApiError):
    """The table of a pool that several servers share can't be reached, so no token may be taken."""

    status, code, blame, sdk_may_repeat = 503, "shared_pool_unreachable", Blame.SERVER, True


class ShuttingDown(GrokApiError):
    """The server is shutting down."""

    status, code, blame, sdk_may_repeat = 503, "shutting_down", Blame.SERVER, True
    repeat_after_s = 5.0


class InternalError(GrokApiError):
    """A bug in this server; its log has the details under the request id."""

    status, code, blame = 500, "internal_error", Blame.SERVER


# One token's fault ------------------------------------------------------------------------------


class CredentialsRejected(NoValidTokens):
    """Grok does not accept this session, or has blocked its account. Clients get this error only if
    no other token is left.
    """

    blame, again, cause = Blame.TOKEN, True, "refused_token"


class QuotaExhausted(RateLimitExceeded):
    """This account has used up its allowance. Clients get this error only if no other token is
    left.
    """

    blame, again, cause = Blame.TOKEN, True, "used_up_token"


# One official credential's fault -----------------------------------------------------------------


class OfficialCredentialRejected(NoValidTokens):
    """xAI does not accept the API key, or the CLI's session is over. Clients get this error only if
    no other lane is left.
    """

    blame, again, cause = Blame.TOKEN, True, "refused_credential"


class CreditsExhausted(RateLimitExceeded):
    """The account's credits or its spending limit at xAI are used up. Clients get this error only
    if no other lane is left.
    """

    blame, again, cause = Blame.TOKEN, True, "used_up_credits"


class SpendingCapReached(RateLimitExceeded):
    """The paid lane has spent what ``[api] daily_usd`` allows for a day; ``Retry-After`` gives the
    time until the day ends.
    """


# The egress and Grok itself ---------------------------------------------------------------------


class Challenge(GrokApiError):
    """Cloudflare or a region block answered in place of Grok: it does not trust this server's
    address, User-Agent or ``cf_clearance``.
    """

    status, code, blame = 502, "upstream_challenge", Blame.EGRESS


class AntiBotRefusal(GrokApiError):
    """Grok's anti-bot rules (its code 7) rejected the request; over REST, its ``x-statsig-id``."""

    status, code, blame = 502, "upstream_antibot", Blame.EGRESS


class UpstreamFailure(GrokApiError):
    """Grok, or the connection to it, failed: a 5xx status, a redirect, HTML in place of JSON, or an
    internal error.
    """

    status, code, again, sdk_may_repeat = 502, "upstream_error", True, True
    repeat_after_s = 5.0


class UpstreamUnavailable(UpstreamFailure):
    """Grok seems to be down for everyone: a 5xx status, a redirect, or a page in place of JSON."""


class LineTooLong(UpstreamFailure):
    """Grok sent a line longer than the limit; a retry would bring the same line."""

    again, sdk_may_repeat = False, False


class AnswerTooLong(LineTooLong):
    """Grok sent an answer longer than the limit."""


class TransportFailure(UpstreamFailure):
    """The connection to Grok failed or broke; another attempt may succeed on a new connection."""


# Grok's refusal of this request -----------------------------------------------------------------


class UpstreamRefused(GrokApiError):
    """Grok refused this request for another reason; the message quotes Grok's own explanation."""

    status, code = 502, "upstream_refused"


class ModeNotIncluded(UpstreamRefused):
    """The account's plan does not include the model. Another account's plan may."""

    again = True


class AccessDenied(UpstreamRefused):
    """The account's plan at xAI does not include this model or this way to ask. Another lane may
    have it.
    """

    blame, again = Blame.TOKEN, True


class CliOutdated(UpstreamRefused):
    """xAI wants a newer version of its CLI; the message says which."""

    blame, again = Blame.TOKEN, True


class ModelGone(ModelNotFound):
    """An official lane listed the model, and does not have it any more."""

    blame, again = Blame.UPSTREAM, True


class UpstreamOverloaded(GrokApiError):
    """Grok is overloaded: heavy usage, the model is not available, or too many requests at once."""

    status, code, again, sdk_may_repeat = 503, "upstream_overloaded", True, True
    repeat_after_s = 5.0


class UploadFailed(UpstreamFailure):
    """A picture or file of the request could not be uploaded to Grok."""

    status, code, again, sdk_may_repeat = 502, "upload_failed", True, False


class EmptyAnswer(GrokApiError):
    """Grok's answer is empty, although its stream ended normally."""

    status, code, again = 502, "empty_upstream_response", True


class IncompleteAnswer(GrokApiError):
    """Grok's stream ended before its answer was complete."""

    status, code = 502, "upstream_incomplete"


class ToolCallFailed(GrokApiError):
    """Grok's calls of tools could not be read or did not fit their declaration, also after it was
    asked to correct them; or it called none although it had to.
    """

    status, code = 502, "tool_call_failed"


class InvalidStructuredOutput(GrokApiError):
    """Grok's answer is not the JSON that the request asks for, also after it was asked to correct
    it.
    """

    status, code = 502, "invalid_structured_output"


# The three clocks -------------------------------------------------------------------------------


class TimeoutFirstResponse(GrokApiError):
    """Grok did not begin its answer within the first-response timeout."""

    status, code = 504, "timeout_first_response"


class TimeoutChunk(GrokApiError):
    """Grok's answer paused for longer than the chunk timeout."""

    status, code = 504, "timeout_chunk"


class TimeoutTotal(GrokApiError):
    """The whole request took longer than the total timeout."""

    status, code = 504, "timeout_total"
