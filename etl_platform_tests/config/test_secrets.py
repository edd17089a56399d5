import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from etl_platform.config.models.global_settings import GlobalSettings
from etl_platform.config.project import Config
from etl_platform.config.secrets import UnknownSecretError, resolve_secrets


def config(folder: Path, **secrets: Any) -> Config:
    settings = GlobalSettings.model_validate({"aws_region": "us-east-1", "secrets": secrets})
    return Config(path=folder / "etl_config.json", jobs=(), settings=settings)


def test_secrets_of_the_environment_have_the_prefix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ETL_password", "hunter2")
    given = config(tmp_path, prefix="ETL_")
    assert resolve_secrets("user:${SECRET:password}@host", given) == "user:hunter2@host"


def test_secrets_of_files_are_their_text(tmp_path: Path):
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets/password").write_text("hunter2\n")
    given = config(tmp_path, provider="file", prefix="secrets/")
    assert resolve_secrets("${SECRET:password}", given) == "hunter2"


@pytest.mark.parametrize("provider", ["env", "file"])
def test_an_unknown_secret_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, provider: str):
    monkeypatch.delenv("none", raising=False)
    with pytest.raises(UnknownSecretError, match="secret `none`"):
        resolve_secrets("${SECRET:none}", config(tmp_path, provider=provider))


def test_a_text_without_secrets_stays(tmp_path: Path):
    assert resolve_secrets("plain ${variables.x}", config(tmp_path)) == "plain ${variables.x}"


@pytest.fixture
def secrets_manager(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    yield boto3.client("secretsmanager", region_name="us-east-1")
    server.stop()


@pytest.mark.slow
def test_secrets_manager_gives_whole_secrets_and_keys_of_json(tmp_path: Path, secrets_manager: Any):
    secrets_manager.create_secret(Name="prod/db", SecretString=json.dumps({"password": "hunter2"}))
    secrets_manager.create_secret(Name="prod/token", SecretString="hunter3")
    given = config(tmp_path, provider="aws_secrets_manager", prefix="prod/")
    assert resolve_secrets("${SECRET:db.password} ${SECRET:token}", given) == "hunter2 hunter3"
    with pytest.raises(UnknownSecretError, match=r"no JSON with a key user") as raised:
        resolve_secrets("${SECRET:db.user}", given)
    assert "hunter" not in str(raised.value)
    with pytest.raises(UnknownSecretError, match="no readable secret prod/none"):
        resolve_secrets("${SECRET:none}", given)
