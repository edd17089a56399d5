"""What is to be done where boto3 finds no credentials or no region, in the same words on all floors."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from botocore.exceptions import NoCredentialsError, NoRegionError


def login_sentence(place: str, error: "NoCredentialsError | NoRegionError") -> str:
    """Say what is missing and what to set.

    Args:
        place: What was to be called: boto3's name of a service, or a table.
        error: What boto3 raised.
    """
    from botocore.exceptions import NoRegionError

    if isinstance(error, NoRegionError):
        return f"{place}: no region; set `global_settings.aws_region` or AWS_DEFAULT_REGION."
    return f"{place}: no AWS credentials; log in (`aws sso login`), or set AWS_PROFILE."
