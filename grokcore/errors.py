"""Everything that can go wrong, as one small family.

A leaf names the party at fault (``blame``), the ``status`` and ``code`` that the client gets, and
whether this server may try again before anything was sent (``again``). ``should_retry`` is for the
client's SDK: OpenAI's repeat 408, 409, 429 and 5xx unless ``x-should-retry: false`` stops them,
which multiplies with our own attempts. The JSON around it is a dialect's
(:mod:`grokcore.protocol.dialects.openai_errors`,
:mod:`grokcore.protocol.dialects.anthropic_errors`).

Rules:

1. Nothing but :class:`GrokApiError` leaves the protocol and runtime layers on purpose; anything
   else is a bug.
2. A leaf is chosen by what upstream *said* and whom it concerns, never by a status code alone
   (:mod:`grokcore.protocol.grok_web.refusals`).
3. Only ``Blame.TOKEN`` may ever count against a token.

The table of codes in docs/reference.md is held against these classes by a test.
"""

from __future__ import annotations

import enum
import math
from typing import ClassVar

__all__ = [
    "AnswerTooLong",
    "AntiBotRefusal",
    "AttachmentModerated",
    "AttachmentRefused",
    "Blame",
    "Challenge",
    "ConfigError",
    "ContentPolicyViolation",
    "ContextLengthExceeded",
    "CredentialsRejected",
    "EmptyAnswer",
    "GrokApiError",
    "HostNotAllowed",
    "IncompleteAnswer",
    "InternalError",
    "InvalidApiKey",
    "InvalidRequest",
    "KeyLimitExceeded",
    "LineTooLong",
    "MethodNotAllowed",
    "ModeNotIncluded",
    "ModelNotAllowed",
    "ModelNotFound",
    "NoTokens",
    "NoValidTokens",
    "NotImplementedHere",
    "OriginNotAllowed",
    "Overloaded",
    "PermissionDenied",
    "QuotaExhausted",
    "RateLimitExceeded",
    "RequestTooLarge",
    "ShuttingDown",
    "TimeoutChunk",
    "TimeoutFirstResponse",
    "TimeoutTotal",
    "TransportFailure",
    "UnknownUrl",
    "UnsupportedEncoding",
    "UploadFailed",
    "UpstreamFailure",
    "UpstreamOverloaded",
    "UpstreamRefused",
    "UpstreamUnavailable",
]

MOST_MESSAGE_CHARS = 4000
"""Of a message; some quote what a client sent."""

SDK_PATIENCE_S = 60.0
"""Longest ``Retry-After`` (seconds) that a client is invited to sit out: the AI SDK ignores 60 s
and more, and openai-python gives up at once above 120 s."""


class ConfigError(Exception):
    """A file, flag or environment variable the server can't start with. ``str()`` is one line for a
    person.
    """


class Blame(enum.Enum):
    """Whom a failure concerns; nobody else is punished for it."""

    REQUEST = "request"
    TOKEN = "token"  # noqa: S105
    EGRESS = "egress"
    UPSTREAM = "upstream"
    SERVER = "server"


class GrokApiError(Exception):
    """Base of the family; only leaves are raised.

    :param message: one or two sentences for the person at the client. Never holds a token, a cookie
        or a prompt.
    :param param: the request field at fault, as a path (``messages[0].content``).
    :param retry_after: seconds until another try makes sense, when that is known.
    :param said: what Grok said instead of doing what it was asked, for the client's eyes only; it
        ends the message.
    :ivar short: the message without that, for the eyes of the server's owner.
    :cvar repeat_after_s: seconds that a client is asked to wait before it repeats the request, if
        nothing better is known.
    """

    status: ClassVar[int]
    code: ClassVar[str | None]
    blame: ClassVar[Blame] = Blame.UPSTREAM
    again: ClassVar[bool] = False
    sdk_may_repeat: ClassVar[bool] = False
    repeat_after_s: ClassVar[float] = 1.0

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        retry_after: float | None = None,
        said: str = "",
    ) -> None:
        if type(self) is GrokApiError:
            raise TypeError("GrokApiError is abstract: raise the leaf that says whose fault it was")
        self.short = message = message[:MOST_MESSAGE_CHARS]
        self.message = f"{message} It said: {said}" if said else message
        super().__init__(self.message)
        self.param = param
        self.retry_after = retry_after

    @property
    def label(self) -> str:
        """The failure's name in logs and metrics: its code, which only an invalid request lacks."""
        return self.code or "invalid_request_error"

    @property
    def should_retry(self) -> bool:
        """The value of ``x-should-retry``, which the client's SDK obeys."""
        return self.sdk_may_repeat

    def redact(self, secret: str) -> None:
        """Take *secret* out of the message, should upstream have echoed it."""
        if secret in self.message:
            self.short, self.message = (
                text.replace(secret, "…") for text in (self.short, self.message)
            )
            self.args = (self.message,)

    def drop_frames(self) -> None:
        """Forget where it was raised: a traceback keeps all that its frames refer to, such as a
        request's body.
        """
        self.__traceback__ = self.__context__ = self.__cause__ = None

    def headers(self) -> list[tuple[str, str]]:
        """Response headers that belong to this error (beside the content type)."""
        found = [("x-should-retry", "true" if self.should_retry else "false")]
        wait = (
            self.repeat_after_s
            if self.retry_after is None and self.should_retry
            else self.retry_after
        )
        if wait is not None:
            found.append(("retry-after", str(max(1, math.ceil(wait)))))
        return found


def _worth_waiting(seconds: float | None) -> bool:
    return seconds is not None and seconds <= SDK_PATIENCE_S


# The caller's fault -----------------------------------------------------------------------------


class InvalidRequest(GrokApiError):
    """The body is not a chat request: bad JSON, a wrong type, a missing field, something we can't
    do.
    """

    status, code, blame = 400, None, Blame.REQUEST


class InvalidApiKey(GrokApiError):
    """A key is configured and the request has none, or another."""

    status, code, blame = 401, "invalid_api_key", Blame.REQUEST

    def headers(self) -> list[tuple[str, str]]:
        """With the scheme that is asked for (RFC 9110 §11.6.1)."""
        return [*super().headers(), ("www-authenticate", "Bearer")]


class PermissionDenied(GrokApiError):
    """The key is one with limits, and this is for the owner."""

    status, code, blame = 403, "permission_denied", Blame.REQUEST


class ModelNotAllowed(GrokApiError):
    """The key may not use this model."""

    status, code, blame = 403, "model_not_allowed", Blame.REQUEST


class HostNotAllowed(GrokApiError):
    """The Host header names none of this server's names: a web page may have made its own name lead
    here.
    """

    status, code, blame = 403, "host_not_allowed", Blame.REQUEST


class OriginNotAllowed(GrokApiError):
    """A web page of another origin asked for something to be done, and this server asks for no
    key.
    """

    status, code, blame = 403, "origin_not_allowed", Blame.REQUEST


class KeyLimitExceeded(GrokApiError):
    """The key's own requests per minute, or its requests at once, are used up."""

    status, code, blame = 429, "key_limit_exceeded", Blame.REQUEST

    @property
    def should_retry(self) -> bool:
        """As for the pool's own limit."""
        return _worth_waiting(self.retry_after)


class ModelNotFound(GrokApiError):
    """The model's name is not in the table; the message offers near matches."""

    status, code, blame = 404, "model_not_found", Blame.REQUEST


class UnknownUrl(GrokApiError):
    """No such route."""

    status, code, blame = 404, "unknown_url", Blame.REQUEST


class MethodNotAllowed(GrokApiError):
    """The route exists, with other methods (named in ``Allow``)."""

    status, code, blame = 405, "method_not_allowed", Blame.REQUEST


class RequestTooLarge(GrokApiError):
    """The body is over ``[server] max_body_mb``."""

    status, code, blame = 413, "request_too_large", Blame.REQUEST


class UnsupportedEncoding(GrokApiError):
    """The body's ``Content-Encoding`` is none that this server decodes."""

    status, code, blame = 415, "unsupported_encoding", Blame.REQUEST


class NotImplementedHere(GrokApiError):
    """A route of OpenAI's or Anthropic's API that this server does not have."""

    status, code, blame = 501, "not_implemented", Blame.REQUEST


class ContentPolicyViolation(GrokApiError):
    """Grok moderated the question, the answer or the picture."""

    status, code, blame = 400, "content_policy_violation", Blame.REQUEST


class AttachmentModerated(ContentPolicyViolation):
    """Grok moderated a picture or file that went up with the question, not the question itself."""


class ContextLengthExceeded(GrokApiError):
    """Grok said the conversation is too long."""

    status, code, blame = 400, "context_length_exceeded", Blame.REQUEST


class AttachmentRefused(GrokApiError):
    """Grok refused a picture or file, or it is of a kind we don't take."""

    status, code, blame = 400, "invalid_attachment", Blame.REQUEST


# This server's state ----------------------------------------------------------------------------


class NoTokens(GrokApiError):
    """No token is configured that may use this model."""

    status, code, blame = 503, "no_tokens", Blame.SERVER


class NoValidTokens(GrokApiError):
    """Every able token was refused by Grok as a credential."""

    status, code, blame = 503, "no_valid_tokens", Blame.SERVER


class RateLimitExceeded(GrokApiError):
    """Every able token is used up or cooling; ``retry_after`` is the earliest return."""

    status, code, blame = 429, "rate_limit_exceeded", Blame.SERVER

    @property
    def should_retry(self) -> bool:
        """Only when waiting is short enough that SDKs really wait."""
        return _worth_waiting(self.retry_after)


class Overloaded(GrokApiError):
    """The queue for a token, or the server's own number of streams, is full."""

    status, code, blame, sdk_may_repeat = 503, "overloaded", Blame.SERVER, True


class ShuttingDown(GrokApiError):
    """The server is stopping."""

    status, code, blame, sdk_may_repeat = 503, "shutting_down", Blame.SERVER, True
    repeat_after_s = 5.0


class InternalError(GrokApiError):
    """A bug of ours; the log has the traceback under the request's id."""

    status, code, blame = 500, "internal_error", Blame.SERVER


# One token's fault ------------------------------------------------------------------------------


class CredentialsRejected(NoValidTokens):
    """Grok does not know this session, or the account is blocked. The client sees it only if no
    other token is left.
    """

    blame, again = Blame.TOKEN, True


class QuotaExhausted(RateLimitExceeded):
    """This account has used up its allowance. The client sees it only if no other token is left."""

    blame, again = Blame.TOKEN, True


# The way to Grok --------------------------------------------------------------------------------


class Challenge(GrokApiError):
    """A Cloudflare or region page instead of an answer: this egress (address, User-Agent,
    cf_clearance) is not trusted.
    """

    status, code, blame = 502, "upstream_challenge", Blame.EGRESS


class AntiBotRefusal(GrokApiError):
    """Grok's own anti-bot rules (code 7): the request's ``x-statsig-id`` is not taken."""

    status, code, blame = 502, "upstream_antibot", Blame.EGRESS


class UpstreamFailure(GrokApiError):
    """Grok or something on the way failed: 5xx, a redirect, HTML where JSON belongs, an internal
    error.
    """

    status, code, again, sdk_may_repeat = 502, "upstream_error", True, True
    repeat_after_s = 5.0


class UpstreamUnavailable(UpstreamFailure):
    """Grok answers nobody, as far as one can tell: HTTP 5xx, a redirect, a page where JSON
    belongs.
    """


class LineTooLong(UpstreamFailure):
    """A line over the cap: it would come again just as long."""

    again, sdk_may_repeat = False, False


class AnswerTooLong(LineTooLong):
    """An answer over the cap, of whatever lines."""


class TransportFailure(UpstreamFailure):
    """The connection could not be made or broke. Worth one more try over a fresh connection."""


# Grok's word on this request --------------------------------------------------------------------


class UpstreamRefused(GrokApiError):
    """Grok refused for a reason that is neither the token's nor the egress': its own message is
    passed on, cleaned.
    """

    status, code = 502, "upstream_refused"


class ModeNotIncluded(UpstreamRefused):
    """The account's plan does not include the model. Another account's plan may."""

    again = True


class UpstreamOverloaded(GrokApiError):
    """Grok sheds load: heavy usage, admission denied, the model not available, too many at once."""

    status, code, again, sdk_may_repeat = 503, "upstream_overloaded", True, True
    repeat_after_s = 5.0


class UploadFailed(UpstreamFailure):
    """A picture or file could not be brought to Grok. Without it there is no answer."""

    status, code, again, sdk_may_repeat = 502, "upload_failed", True, False


class EmptyAnswer(GrokApiError):
    """The stream ended in good order and held no answer."""

    status, code, again = 502, "empty_upstream_response", True


class IncompleteAnswer(GrokApiError):
    """The stream ended before Grok said that the answer was complete."""

    status, code = 502, "upstream_incomplete"


# The three clocks -------------------------------------------------------------------------------


class TimeoutFirstResponse(GrokApiError):
    """No meaningful event within the first-response time of an attempt."""

    status, code = 504, "timeout_first_response"


class TimeoutChunk(GrokApiError):
    """Too long a gap between two meaningful events."""

    status, code = 504, "timeout_chunk"


class TimeoutTotal(GrokApiError):
    """The whole request took too long."""

    status, code = 504, "timeout_total"
