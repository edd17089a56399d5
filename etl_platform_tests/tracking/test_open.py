from pathlib import Path
from typing import Any

import pytest

from etl_platform.config.models.global_settings import GlobalSettings
from etl_platform.config.project import Config
from etl_platform.tracking.open import open_store
from etl_platform.tracking.outbox import open_outbox
from etl_platform.tracking.sqlite import SqliteStore


def a_config(folder: Path, *, profile: Any = "local", **settings: Any) -> Config:
    given = GlobalSettings.model_validate({"aws_region": "eu-central-1", **settings})
    return Config(path=folder / "etl_config.json", jobs=(), settings=given, profile=profile)


def test_the_local_profile_has_a_file_in_the_local_root(tmp_path: Path) -> None:
    store = open_store(a_config(tmp_path))
    assert isinstance(store, SqliteStore)
    assert store.path == tmp_path / ".etl_platform" / "tracking.db"
    assert not store.path.exists()


def test_a_path_is_relative_to_the_configuration(tmp_path: Path) -> None:
    store = open_store(a_config(tmp_path, tracking={"path": "records/runs.db"}))
    assert str(store) == f"SQLite file {tmp_path}/records/runs.db"


@pytest.mark.parametrize("given", [{"profile": "aws"}, {"tracking": {"backend": "dynamodb"}}])
def test_dynamodb_is_used_under_aws_and_where_it_is_named(tmp_path: Path, given: dict[str, Any]) -> None:
    assert str(open_store(a_config(tmp_path, **given))) == "DynamoDB tables Strands*"


def test_tables_have_the_prefix_of_the_configuration(tmp_path: Path) -> None:
    store = open_store(a_config(tmp_path, profile="aws", tracking={"table_prefix": "Team"}))
    assert str(store) == "DynamoDB tables Team*"


def test_sqlite_can_be_used_under_aws(tmp_path: Path) -> None:
    assert isinstance(
        open_store(a_config(tmp_path, profile="aws", tracking={"backend": "sqlite"})), SqliteStore
    )


def test_the_outbox_stands_in_the_local_root(tmp_path: Path) -> None:
    config = a_config(tmp_path)
    assert open_outbox(config, open_store(config)).waiting() == 0
    assert not (tmp_path / ".etl_platform").exists()
