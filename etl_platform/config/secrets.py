"""`${SECRET:key}` → its value, at the moment of use; nothing keeps or prints it."""

import json
import os
import re
from collections.abc import Iterable
from typing import NamedTuple

from etl_platform.config.project import Config

SECRET = re.compile(r"\$\{SECRET:([^}]+)\}")


class UnknownSecretError(LookupError):
    """A secret that the provider does not have; the message names the key, never a value."""


class SecretReference(NamedTuple):
    """Where AWS Secrets Manager keeps a secret.

    Attributes:
        name: Name or ARN of the secret.
        json_key: Key of the JSON object that it is; None: the whole text.
    """

    name: str
    json_key: str | None


class Secrets:
    """The secrets of a configuration; each is read once, when it is first used."""

    def __init__(self, config: Config):
        self._config = config
        self._read: dict[str, str] = {}

    def resolve(self, text: str) -> str:
        """Put the values of all secrets into a text.

        `env` reads the variable `<prefix><key>`, `file` the file of that path (relative to the
        configuration), `aws_secrets_manager` the secret of that name, where `name.key` means a key of a JSON
        secret.

        Raises:
            UnknownSecretError: The provider does not have one of them.
        """
        return SECRET.sub(lambda match: self._value(match.group(1)), text)

    def used_in(self, texts: Iterable[str]) -> dict[str, str]:
        """The references in some texts, such as `${SECRET:key}`, each with its value.

        Raises:
            UnknownSecretError: The provider does not have one of them.
        """
        return {
            match.group(): self._value(match.group(1)) for text in texts for match in SECRET.finditer(text)
        }

    def _value(self, key: str) -> str:
        if key not in self._read:
            self._read[key] = _value(key, self._config)
        return self._read[key]


def resolve_secrets(text: str, config: Config) -> str:
    """Put the values of all secrets into one text; see `Secrets`."""
    return Secrets(config).resolve(text)


def aws_reference(key: str, config: Config) -> SecretReference:
    """Where AWS Secrets Manager keeps the secret of a key."""
    name = config.settings.secrets.prefix + key
    secret_name, dot, json_key = name.rpartition(".")
    return SecretReference(secret_name, json_key) if dot else SecretReference(name, None)


def _value(key: str, config: Config) -> str:
    secrets = config.settings.secrets
    name = secrets.prefix + key
    match secrets.provider:
        case "env":
            if name not in os.environ:
                raise UnknownSecretError(f"secret `{key}`: the environment variable {name} is not set.")
            return os.environ[name]
        case "file":
            path = config.resolve(name)
            try:
                return path.read_text().rstrip("\n")
            except OSError as error:
                raise UnknownSecretError(f"secret `{key}`: cannot read {path}: {error.strerror}.") from None
        case "aws_secrets_manager":
            return _from_aws(key, config)


def _from_aws(key: str, config: Config) -> str:
    import boto3
    from botocore.config import Config as ClientConfig
    from botocore.exceptions import BotoCoreError, ClientError

    secret_name, json_key = aws_reference(key, config)
    try:
        client = boto3.client(
            "secretsmanager",
            region_name=config.settings.aws_region,
            config=ClientConfig(
                connect_timeout=5, read_timeout=20, retries={"mode": "adaptive", "total_max_attempts": 4}
            ),
        )
        value = client.get_secret_value(SecretId=secret_name)["SecretString"]
    except (BotoCoreError, ClientError) as error:
        raise UnknownSecretError(
            f"secret `{key}`: Secrets Manager has no readable secret {secret_name}: {error}"
        ) from None
    if json_key is None:
        return value
    try:
        return str(json.loads(value)[json_key])
    except (ValueError, KeyError, TypeError):
        raise UnknownSecretError(f"secret `{key}`: {secret_name} is no JSON with a key {json_key}.") from None
