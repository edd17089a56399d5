"""The services that can be quoted, by name, and how their parameters are read."""

import difflib
from collections.abc import Mapping

from pydantic import ValidationError

from etl_platform.pricing.emr import EmrCluster, EmrServerlessUsage, EmrServerlessWorkers, EmrUsage
from etl_platform.pricing.functions import FargateSeconds, FargateUsage, LambdaUsage
from etl_platform.pricing.glue import GlueDpuSeconds, GlueUsage
from etl_platform.pricing.quote import Usage
from etl_platform.pricing.storage import DynamoDbUsage, S3Usage, TransferUsage
from etl_platform.pricing.tokens import TokenUsage

SERVICES: dict[str, tuple[type[Usage], ...]] = {
    "glue": (GlueUsage, GlueDpuSeconds),
    "emr": (EmrUsage, EmrCluster),
    "emr_serverless": (EmrServerlessWorkers, EmrServerlessUsage),
    "lambda": (LambdaUsage,),
    "fargate": (FargateUsage, FargateSeconds),
    "batch": (FargateUsage, FargateSeconds),
    "s3": (S3Usage,),
    "dynamodb": (DynamoDbUsage,),
    "data_transfer": (TransferUsage,),
    "bedrock": (TokenUsage,),
}
"""Service to the forms in which its use may be given; Batch costs nothing beside its Fargate tasks."""


class BadUsageError(ValueError):
    """A service that is not in the book, or parameters that do not fit it."""


def parse_usage(service: str, parameters: Mapping[str, str]) -> Usage:
    """Read what is used of a service from `key=value` texts.

    Raises:
        BadUsageError: No such service, or a wrong, unknown or missing parameter.
    """
    if service not in SERVICES:
        near = difflib.get_close_matches(service, SERVICES, 1)
        hint = f' did you mean "{near[0]}"?' if near else ""
        raise BadUsageError(f'no service "{service}";{hint} known: {", ".join(SERVICES)}.')
    # The form that knows most of the given keys says best what is wrong.
    form = max(SERVICES[service], key=lambda one: len(parameters.keys() & one.model_fields.keys()))
    try:
        return form.model_validate(dict(parameters))
    except ValidationError as error:
        faults = "; ".join(
            _fault(form, fault["loc"], fault["type"], fault["msg"]) for fault in error.errors()
        )
        raise BadUsageError(
            f"{service}: {faults}. Known parameters: {', '.join(form.model_fields)}."
        ) from error


def _fault(form: type[Usage], place: tuple[int | str, ...], kind: str, message: str) -> str:
    key = ".".join(str(part) for part in place)
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(key, form.model_fields, 1)
        return f'unknown parameter "{key}"' + (f' (did you mean "{near[0]}"?)' if near else "")
    text = message.removeprefix("Value error, ")
    return f"{key}: {text}" if key else text
