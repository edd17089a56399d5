"""Where the files of datasets stand on this machine."""

from pathlib import Path

import pytest

from etl_platform.catalog.location import NoLocationError, glue_path, s3_path


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
