"""The configuration: text in, one frozen :class:`Config` out, every fault with its path in the
file.

Precedence: command-line flag > environment ``GROK2API_<SECTION>_<KEY>`` > file > default. Nothing
here reads a file or the environment by itself; both are passed in. An unknown key is a warning with
the nearest name; a wrong type or value is a :class:`~grokcore.errors.ConfigError`. A
``setting.toml`` of the original project is a valid file.
"""

from .browser_settings import given_values, warnings_of
from .loading import SECTIONS, load_config, official_row
from .sections import (
    DEFAULT_LIMITS,
    DEFAULT_STATSIG_ID,
    AlertsConfig,
    ApiConfig,
    CliConfig,
    Config,
    EarlierPictures,
    FetchConfig,
    GlobalConfig,
    GrokConfig,
    ImageMode,
    KeyConfig,
    LogFormat,
    LongContext,
    PoolConfig,
    ServerConfig,
    is_loopback,
)
from .text import text_fault

__all__ = [
    "DEFAULT_LIMITS",
    "DEFAULT_STATSIG_ID",
    "SECTIONS",
    "AlertsConfig",
    "ApiConfig",
    "CliConfig",
    "Config",
    "EarlierPictures",
    "FetchConfig",
    "GlobalConfig",
    "GrokConfig",
    "ImageMode",
    "KeyConfig",
    "LogFormat",
    "LongContext",
    "PoolConfig",
    "ServerConfig",
    "given_values",
    "is_loopback",
    "load_config",
    "official_row",
    "text_fault",
    "warnings_of",
]
