"""Errors of AWS calls as errors of the store."""

from collections.abc import Iterator
from contextlib import contextmanager

from etl_platform.config.aws_login import login_sentence
from etl_platform.tracking.errors import StoreError, StoreUnavailableError

_REFUSED = frozenset(
    {"ValidationException", "SerializationException", "ItemCollectionSizeLimitExceededException"}
)
"""Error codes that say the request itself is wrong, so that the same call never succeeds."""


@contextmanager
def reported(place: str) -> Iterator[None]:
    """Raise what goes wrong inside as `StoreUnavailableError`, or as `StoreError` where a retry cannot help.

    Args:
        place: The table or bucket that the calls are about.
    """
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError

    try:
        yield
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == "ResourceNotFoundException":
            raise StoreUnavailableError(
                f"{place}: there is no such table in this account and region. Run "
                "`etl-platform tracking init`, or check `aws_region` and `tracking.table_prefix`."
            ) from error
        if code in _REFUSED:
            raise StoreError(f"{place}: the request was refused as wrong ({error}).") from error
        raise StoreUnavailableError(
            f"{place}: the call failed ({error}). Check the credentials, their permissions and the "
            "table's capacity."
        ) from error
    except (NoRegionError, NoCredentialsError) as error:
        raise StoreUnavailableError(login_sentence(place, error)) from error
    except BotoCoreError as error:
        raise StoreUnavailableError(
            f"{place}: AWS cannot be reached ({error}). Check the network, the credentials, `aws_region` and "
            "`tracking.endpoint_url`."
        ) from error
