import io

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from etl_platform.runtime.s3_endpoint import S3Endpoint
from etl_platform.runtime.s3_storage import LocalS3


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "s3" / "raw"


@pytest.fixture
def s3(tmp_path):
    with S3Endpoint(LocalS3(tmp_path, {"raw"}, tmp_path / "uploads")) as server:
        yield boto3.client(
            "s3",
            endpoint_url=server.environment["AWS_ENDPOINT_URL_S3"],
            aws_access_key_id="local",
            aws_secret_access_key="local",
            region_name="us-east-1",
            config=Config(retries={"total_max_attempts": 1}),
        )


def put(s3, *keys):
    for key in keys:
        s3.put_object(Bucket="raw", Key=key, Body=key.encode())


def test_an_object_is_a_file(s3, folder):
    put(s3, "a/b c+é.txt")
    assert (folder / "a" / "b c+é.txt").read_text() == "a/b c+é.txt"
    assert s3.get_object(Bucket="raw", Key="a/b c+é.txt")["Body"].read() == "a/b c+é.txt".encode()


def test_a_part_of_an_object_can_be_asked_for(s3):
    s3.put_object(Bucket="raw", Key="a", Body=b"0123456789")
    answers = {
        asked: s3.get_object(Bucket="raw", Key="a", Range=asked) for asked in ("bytes=2-4", "bytes=-3")
    }
    assert [answer["Body"].read() for answer in answers.values()] == [b"234", b"789"]
    assert answers["bytes=2-4"]["ContentRange"] == "bytes 2-4/10"


def test_a_large_file_goes_up_in_parts_and_comes_back_whole(s3, folder):
    content = bytes(range(256)) * 80_000
    s3.upload_fileobj(io.BytesIO(content), "raw", "big")
    back = io.BytesIO()
    s3.download_fileobj("raw", "big", back)
    assert back.getvalue() == content
    assert list((folder.parents[1] / "uploads").iterdir()) == []


def test_listing_is_in_order_and_paged_and_hides_checksums(s3, folder):
    put(s3, "p/b", "p/a", "p-x", "p/c/d", "q")
    (folder / "p" / ".a.crc").touch()
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket="raw", Prefix="p", PaginationConfig={"PageSize": 2}
    )
    assert [[item["Key"] for item in page["Contents"]] for page in pages] == [
        ["p-x", "p/a"],
        ["p/b", "p/c/d"],
    ]


def test_a_delimiter_gathers_folders(s3):
    put(s3, "p/a", "p/c/d", "p/c/e", "p/f/g")
    listed = s3.list_objects_v2(Bucket="raw", Prefix="p/", Delimiter="/")
    assert [item["Key"] for item in listed["Contents"]] == ["p/a"]
    assert [item["Prefix"] for item in listed["CommonPrefixes"]] == ["p/c/", "p/f/"]


def test_copy_and_delete(s3, folder):
    put(s3, "a", "b")
    s3.copy_object(Bucket="raw", Key="c", CopySource={"Bucket": "raw", "Key": "a"})
    s3.delete_object(Bucket="raw", Key="a")
    s3.delete_objects(Bucket="raw", Delete={"Objects": [{"Key": "b"}, {"Key": "never"}]})
    assert [path.name for path in folder.iterdir()] == ["c"]


def test_a_missing_key_is_an_error_of_its_own(s3):
    with pytest.raises(s3.exceptions.NoSuchKey, match="s3://raw/nope"):
        s3.get_object(Bucket="raw", Key="nope")


def test_an_unknown_bucket_names_the_keys_to_add(s3):
    with pytest.raises(s3.exceptions.NoSuchBucket, match="data_sources"):
        s3.get_object(Bucket="other", Key="a")


def test_a_key_cannot_leave_its_bucket(s3, folder):
    secret = folder.parents[1] / "secret"
    secret.write_text("x")
    with pytest.raises(ClientError, match="InvalidArgument"):
        s3.get_object(Bucket="raw", Key="a/../../../secret")


def test_a_key_that_is_a_prefix_of_another_is_refused_by_name(s3):
    put(s3, "a/b")
    with pytest.raises(ClientError, match="OperationAborted"):
        put(s3, "a")


def test_what_is_not_offered_is_refused_by_name(s3):
    with pytest.raises(ClientError, match="NotImplemented"):
        s3.get_bucket_acl(Bucket="raw")


def test_the_connection_serves_on_after_an_error(s3):
    with pytest.raises(ClientError):
        s3.put_object(Bucket="other", Key="a", Body=b"x" * 100_000)
    put(s3, "a")
    assert s3.head_object(Bucket="raw", Key="a")["ContentLength"] == 1


def test_a_chunked_body_with_a_checksum_is_stored_without_its_frame(s3, folder):
    s3.put_object(Bucket="raw", Key="a", Body=io.BytesIO(b"x" * 70_000), ChecksumAlgorithm="CRC32")
    assert (folder / "a").read_bytes() == b"x" * 70_000
