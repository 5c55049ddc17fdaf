"""The recognition of services by the hosts of their webhooks."""

from __future__ import annotations

import pytest

from grokcore.protocol.alerts.styles import WebhookStyle, style_of

URLS = [
    ("https://hooks.slack.com/services/T/B/x", WebhookStyle.SLACK),
    ("https://discord.com/api/webhooks/1/x", WebhookStyle.DISCORD),
    ("https://api.telegram.org/bot1:x/sendMessage?chat_id=1", WebhookStyle.TELEGRAM),
    ("https://open.feishu.cn/open-apis/bot/v2/hook/x", WebhookStyle.FEISHU),
    ("https://open.larksuite.com/open-apis/bot/v2/hook/x", WebhookStyle.FEISHU),
    ("https://OAPI.dingtalk.com/robot/send?access_token=x", WebhookStyle.DINGTALK),
    ("https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=x", WebhookStyle.WECOM),
    ("https://api.day.app/x", WebhookStyle.BARK),
    ("http://127.0.0.1:9/hook", WebhookStyle.JSON),
    ("https://hooks.slack.com.example.com/", WebhookStyle.JSON),
]


@pytest.mark.parametrize(("url", "style"), URLS)
def test_a_service_is_known_by_its_host(url: str, style: WebhookStyle) -> None:
    """Owners paste a URL, and nothing else."""
    assert style_of(WebhookStyle.AUTO, url) is style


def test_a_style_that_is_named_counts() -> None:
    """A service behind a proxy, or of one's own, has another host."""
    assert style_of(WebhookStyle.FEISHU, "http://127.0.0.1:9/hook") is WebhookStyle.FEISHU
