"""Where presets are fetched from and kept: what the environment says, else a settings file of the user."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from ifss_keras.core.checks import known_names
from ifss_keras.core.errors import InputError
from ifss_keras.core.yaml_file import read_yaml

APPLICATION = "ifss_keras"
ENVIRONMENT = {"IFSS_WEIGHTS_URL": "mirrors", "IFSS_CACHE": "cache", "IFSS_OFFLINE": "offline"}


class RemoteSettings(BaseModel):
    """How presets are fetched.

    Attributes:
        mirrors: addresses below which a preset's files lie as NAME/FILE, tried in this order.
        cache: the folder that keeps them, a folder for each preset.
        offline: nothing is asked of a network; addresses file:// still are.
        timeout_s: how long a host may be silent.
        retries: how often a mirror is tried again after it has failed without sending anything new.
        first_wait_s: before the first of these; doubled before each further one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    mirrors: tuple[str, ...] = ()
    cache: Path = Field(default_factory=lambda: platformdirs.user_cache_path(APPLICATION) / "presets")
    offline: bool = False
    timeout_s: float = Field(30.0, gt=0, le=3600)
    retries: int = Field(4, ge=0, le=100)
    first_wait_s: float = Field(1.0, ge=0, le=60)

    @field_validator("mirrors", mode="before")
    @classmethod
    def _separated(cls, value: Any) -> Any:
        return re.split(r"[\s,]+", value.strip(" \t\n,")) if isinstance(value, str) else value

    @field_validator("mirrors")
    @classmethod
    def _addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for address in value:
            parts = urlsplit(address)
            of_file = parts.scheme == "file" and parts.netloc in ("", "localhost") and parts.path.strip("/")
            right = of_file or (parts.scheme in ("https", "http") and parts.hostname and parts.port != 0)
            if not right:
                given = without_password(address)
                raise ValueError(f"expected https://HOST/..., http://HOST/... or file:///FOLDER, received {given!r}")
        return value

    @field_validator("cache")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return Path(os.path.abspath(value.expanduser()))

    @property
    def reachable(self) -> tuple[str, ...]:
        """The mirrors that may be asked."""
        return tuple(mirror for mirror in self.mirrors if urlsplit(mirror).scheme == "file" or not self.offline)


def settings_file() -> Path:
    """Where the user's settings file lies if there is one, by the platform's convention."""
    return platformdirs.user_config_path(APPLICATION) / "settings.yaml"


def read_settings() -> RemoteSettings:
    """The settings: of the environment, else of the settings file, else those by default.

    Raises:
        InputError: a settings file that cannot be read, or a value that is none.
    """
    path = settings_file()
    of_environment = {key: os.environ[name] for name, key in ENVIRONMENT.items() if os.environ.get(name, "").strip()}
    try:
        return RemoteSettings(**_held(path) | of_environment)
    except ValidationError as error:
        problem = error.errors()[0]
        key = str(problem["loc"][0])
        names = {key: name for name, key in ENVIRONMENT.items() if key in of_environment}
        where = names.get(key) or f"{path}: {key}"
        if problem["type"] == "extra_forbidden":
            raise InputError(f"{path}: there is no setting {key!r}: {_known(key)}") from None
        said = problem["msg"].removeprefix("Value error, ")
        received = "" if "received" in said else f", received {problem['input']!r:.100}"
        raise InputError(f"{where} cannot be used: {said}{received}; mend it.") from None


def without_password(address: str) -> str:
    """An address as it may be shown: without the name and the password that it may begin with."""
    parts = urlsplit(address)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _held(path: Path) -> dict[str, Any]:
    """Keys and values in the settings file; none where there is no file."""
    try:
        held = read_yaml(path)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise InputError(f"The settings {path} cannot be read: {error.strerror}; mend or remove it.") from None
    except ValueError as error:
        raise InputError(f"The settings {path} are no YAML: {' '.join(str(error).split())[:200]}; mend it.") from None
    if not isinstance(held, dict | None) or not all(isinstance(key, str) for key in held or {}):
        raise InputError(f"The settings {path} should hold keys and values, received {held!r:.40}; mend it.")
    return held or {}


def _known(key: str) -> str:
    return known_names(key, RemoteSettings.model_fields)
