"""Where the files of datasets stand on this machine."""

from pathlib import Path

import pytest

from etl_platform.catalog.location import NoLocationError, glue_path, locate_source, s3_path
from etl_platform_tests.catalog.builders import config, source


def test_an_address_stands_below_the_root() -> None:
    assert s3_path("s3://bucket/a/b/", Path("/root")) == Path("/root/s3/bucket/a/b")
    assert glue_path("lake", "orders", Path("/root")) == Path("/root/glue/lake/orders")


@pytest.mark.parametrize("uri", ["s3://../x", "s3://b/../../../../victim", "s3://b/a/../../../c"])
def test_an_address_cannot_lead_out_of_the_root(uri: str) -> None:
    with pytest.raises(NoLocationError):
        s3_path(uri, Path("/root"))


def test_a_table_cannot_lead_out_of_the_root() -> None:
    with pytest.raises(NoLocationError):
        glue_path("../../..", "d", Path("/root"))


@pytest.mark.parametrize(
    ("kind", "keys", "folder", "format"),
    [
        ("redshift", {"cluster": "c", "database": "d", "table": "t"}, "redshift/c/d/public/t", None),
        ("rds", {"instance": "i", "database": "d", "table": "t"}, "rds/i/d/t", None),
        ("postgres", {"url": "postgresql://h:1/d", "schema": "s", "table": "t"}, "postgres/h/d/s/t", None),
        ("dynamodb", {"table_name": "t-1"}, "dynamodb/t-1", "json"),
        ("kinesis", {"stream_name": "s-1"}, "kinesis/s-1", "json"),
    ],
)
def test_a_table_behind_a_server_is_the_folder_of_its_asset_key(
    tmp_path: Path, kind: str, keys: dict[str, str], folder: str, format: str | None
) -> None:
    project = config(tmp_path)
    location = locate_source(source(kind, **keys), project)
    assert (location.path, location.format) == (project.local_root / folder, format)


def test_the_profile_aws_has_no_files_of_a_server(tmp_path: Path) -> None:
    with pytest.raises(NoLocationError):
        locate_source(source("dynamodb", table_name="t"), config(tmp_path, profile="aws"))


def test_a_server_s_table_cannot_lead_out_of_the_root(tmp_path: Path) -> None:
    with pytest.raises(NoLocationError):
        locate_source(source("dynamodb", table_name="../../x"), config(tmp_path))
