"""Pictures and videos of a scripted Grok, for tests of their delivery."""

from __future__ import annotations

import base64
from typing import Any

from grokcore.config import ImageMode
from grokcore.runtime.disk.media_cache import MediaCache
from grokcore.simulator.assets import jpeg
from grokcore.simulator.scripts import (
    Script,
    Send,
    error,
)
from grokcore.web.delivery import Delivery
from tests.runtime.fakes import FakeExchange, FakeTransport

BASE = "https://me.example.com"


ASSETS_URL = "https://assets.example.com"


FOLDER = "users/u/generated"


PICTURE = f"{FOLDER}/1/image.jpg"


VIDEO_PATH = f"{FOLDER}/9/generated_video.mp4"


PICTURE_DATA = f"data:image/jpeg;base64,{base64.b64encode(jpeg()).decode()}"


def asset(data: bytes, *, after: float = 0) -> Script:
    return Script((Send(data),), before=after)


class Assets(FakeTransport):
    """Plays scripts by the path of the request; other paths don't exist."""

    def __init__(self, scripts: dict[str, Script]) -> None:
        super().__init__([])
        self.by_path = scripts

    def open(self, request: Any) -> FakeExchange:
        path = request.url.removeprefix(f"{ASSETS_URL}/")
        self.exchanges.append(FakeExchange(request, self.by_path.get(path, error(404, {}))))
        return self.exchanges[-1]


def delivery_of(mode: ImageMode, cache: MediaCache | None = None) -> Delivery:
    return Delivery(mode, cache, BASE)


URL, CACHE, BASE64 = ImageMode.URL, ImageMode.CACHE, ImageMode.BASE64
