"""One moto, one stand-in and one set of clients for all tests of Lambda."""

from collections.abc import Iterator

import pytest

from etl_platform.platforms.aws_access import AwsAccess
from etl_platform_tests.platforms.aws_stand_in import AwsStandIn, aws_stand_in
from etl_platform_tests.platforms.lambda_service import (
    LambdaService,
    without_docker,
)
from etl_platform_tests.tracking.stand_in import moto_server


@pytest.fixture(scope="package")
def moto() -> Iterator[str]:
    with moto_server() as url:
        without_docker(url)
        yield url


@pytest.fixture(scope="package")
def aws(moto: str) -> Iterator[AwsStandIn]:
    with pytest.MonkeyPatch.context() as environment, aws_stand_in(moto) as stand_in:
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
def lambda_service(aws: AwsStandIn, tmp_path_factory: pytest.TempPathFactory) -> LambdaService:
    return LambdaService(aws, tmp_path_factory.mktemp("functions"))


@pytest.fixture
def service(lambda_service: LambdaService) -> Iterator[LambdaService]:
    lambda_service.aws.calls.clear()
    lambda_service.aws.seen.clear()
    yield lambda_service
    lambda_service.reset()
