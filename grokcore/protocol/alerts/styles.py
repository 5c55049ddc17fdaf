"""The forms in which services take a webhook."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from urllib.parse import urlsplit

__all__ = ["WebhookStyle", "style_of"]


class WebhookStyle(enum.Enum):
    """A service's form. ``AUTO`` stands for that of the URL's host, and ``JSON`` for any other
    host.
    """

    AUTO = "auto"
    JSON = "json"
    SLACK = "slack"
    DISCORD = "discord"
    TELEGRAM = "telegram"
    FEISHU = "feishu"
    DINGTALK = "dingtalk"
    WECOM = "wecom"
    BARK = "bark"


_HOSTS: Mapping[str, WebhookStyle] = {
    "hooks.slack.com": WebhookStyle.SLACK,
    "discord.com": WebhookStyle.DISCORD,
    "discordapp.com": WebhookStyle.DISCORD,
    "api.telegram.org": WebhookStyle.TELEGRAM,
    "open.feishu.cn": WebhookStyle.FEISHU,
    "open.larksuite.com": WebhookStyle.FEISHU,
    "oapi.dingtalk.com": WebhookStyle.DINGTALK,
    "qyapi.weixin.qq.com": WebhookStyle.WECOM,
    "api.day.app": WebhookStyle.BARK,
}


def style_of(style: WebhookStyle, url: str) -> WebhookStyle:
    """The form that is meant, never ``AUTO``."""
    if style is not WebhookStyle.AUTO:
        return style
    return _HOSTS.get(urlsplit(url).hostname or "", WebhookStyle.JSON)
