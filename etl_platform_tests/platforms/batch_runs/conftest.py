"""One moto, one stand-in and one set of clients for all tests of Batch."""

from collections.abc import Iterator

import pytest

from etl_platform.platforms.aws_access import AwsAccess
from etl_platform_tests.platforms.aws_stand_in import AwsStandIn, aws_stand_in
from etl_platform_tests.platforms.batch_service import BatchService
from etl_platform_tests.platforms.lambda_service import without_docker
from etl_platform_tests.tracking.stand_in import moto_server


@pytest.fixture(scope="package")
def aws() -> Iterator[AwsStandIn]:
    with moto_server() as moto, pytest.MonkeyPatch.context() as environment, aws_stand_in(moto) as stand_in:
        without_docker(moto)
        environment.setenv("AWS_ACCESS_KEY_ID", "testing")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        environment.setenv("AWS_DEFAULT_REGION", "us-east-1")
        yield stand_in


@pytest.fixture(scope="package")
def access(aws: AwsStandIn) -> AwsAccess:
    # Made once: making boto3's clients takes longer than most tests.
    made = AwsAccess(region="us-east-1", endpoint_url=aws.url, attempts=1)
    made.client("s3").create_bucket(Bucket="art")
    return made


@pytest.fixture(scope="package")
def batch_service(aws: AwsStandIn, access: AwsAccess) -> BatchService:
    service = BatchService(aws)
    service.definition()
    return service


@pytest.fixture
def service(batch_service: BatchService) -> Iterator[BatchService]:
    batch_service.aws.calls.clear()
    batch_service.aws.seen.clear()
    batch_service.runs = False
    batch_service.kind = "FARGATE"
    yield batch_service
    batch_service.wait()
