"""The services that can be quoted, by name, and how their parameters are read."""

import difflib
from collections.abc import Mapping
from decimal import Decimal

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from etl_platform.config.wording import sentence
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


LARGEST = Decimal("1e15")
"""Beyond it a number is a slip of the pen, and dollars no longer add up to the cent."""

_TIMES = ("seconds", "minutes", "hours")

_KINDS = {
    "decimal": "a number",
    "finite_number": "a number",
    "int": "a whole number",
    "bool": "true or false",
    "string_too_short": "text",
}
"""Beginning of pydantic's name of an error to what was expected."""


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
    if not parameters:
        forms = " or ".join(", ".join(form.model_fields) for form in SERVICES[service])
        raise BadUsageError(f"{service}: nothing is given to be priced. Known parameters: {forms}.")
    # The form that knows most of the given keys says best what is wrong.
    form = max(SERVICES[service], key=lambda one: len(parameters.keys() & one.model_fields.keys()))
    try:
        usage = form.model_validate(dict(parameters))
        _not_too_large(usage)
        return usage
    except ValidationError as error:
        faults = "; ".join(_fault(form, fault) for fault in error.errors())
        raise BadUsageError(
            f"{service}: {faults}. Known parameters: {', '.join(form.model_fields)}."
        ) from error


def _not_too_large(usage: Usage) -> None:
    for name, value in usage:
        if isinstance(value, (int, Decimal)) and value > LARGEST:
            raise BadUsageError(
                f"{usage.service}: {name} is larger than anything that has a price; at most 1e15."
            )


def _fault(form: type[Usage], fault: ErrorDetails) -> str:
    key, kind = ".".join(map(str, fault["loc"])), fault["type"]
    if kind == "missing":
        description = form.model_fields[key].description or ""
        return f'"{key}" is missing' + (f" ({description.rstrip('.')})" if description else "")
    if kind == "extra_forbidden":
        if key in _TIMES and "duration_ms" in form.model_fields:
            return (
                f'"{key}" is no parameter of {form.service}; give the milliseconds of one run as duration_ms'
            )
        near = difflib.get_close_matches(key, form.model_fields, 1)
        return f'unknown parameter "{key}"' + (f' (did you mean "{near[0]}"?)' if near else "")
    if kind == "value_error":
        text = fault["msg"].removeprefix("Value error, ")
        return f"{key}: {text}" if key else text
    found = f'"{fault["input"]}"'
    expected = next((words for start, words in _KINDS.items() if kind.startswith(start)), None)
    return f"{key}: " + (f"expected {expected}, found {found}" if expected else sentence([fault], found))
