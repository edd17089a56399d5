from pathlib import Path

import pytest

from etl_platform.runtime.buckets import UnknownBucketError, buckets_in
from etl_platform.runtime.s3_paths import local_sql, local_uri

ROOT = Path("/data")


@pytest.mark.parametrize("scheme", ["s3", "s3a", "s3n"])
def test_an_address_becomes_a_place_in_the_root(scheme):
    assert local_uri(f"{scheme}://raw/a/b*/", ROOT, {"raw"}) == "file:///data/s3/raw/a/b*/"


@pytest.mark.parametrize("place", ["/tmp/x", "file:///tmp/x", "relative/x"])
def test_other_places_stay(place):
    assert local_uri(place, ROOT, set()) == place


def test_an_unknown_bucket_names_the_keys_to_add():
    with pytest.raises(UnknownBucketError, match=r'"other".*data_sources.*target.path.*arguments'):
        local_uri("s3://other/x", ROOT, {"raw"})


def test_places_in_a_query_are_replaced_and_texts_stay():
    query = "SELECT 's3://raw/x' AS origin FROM parquet.`s3://raw/x` JOIN csv.`s3a://raw/y/`"
    assert local_sql(query, ROOT, {"raw"}) == (
        "SELECT 's3://raw/x' AS origin FROM parquet.`file:///data/s3/raw/x` JOIN csv.`file:///data/s3/raw/y/`"
    )


def test_locations_and_path_options_are_places():
    query = "CREATE TABLE t USING csv OPTIONS (path 's3://raw/x', header 'true') LOCATION \"s3://raw/y\""
    assert "s3://" not in local_sql(query, ROOT, {"raw"})


def test_buckets_are_found_in_any_text():
    assert buckets_in("f's3://raw-data/{day}' and s3a://other.bucket/x, s3://{name}/y") == {
        "raw-data",
        "other.bucket",
    }
