"""What all sections share: strict, immutable, and each field described for editors and `schema`."""

from collections.abc import Callable
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

Identifier = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
"""A name that may be an asset key, a run name and a tracking key at once."""

Percent = Annotated[float, Field(ge=0, le=100)]
Severity = Literal["critical", "high", "medium", "low"]
RuleAction = Literal["fail_job", "quarantine", "dead_letter_queue", "warn"]
PlatformName = Literal["glue", "emr", "emr_serverless", "lambda", "batch", "local"]


class Section(BaseModel):
    """One object of the configuration language; a key that it does not declare is a fault."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, populate_by_name=False, allow_inf_nan=False
    )


S = TypeVar("S", bound=Section)


def shared(section: type[S]) -> Callable[[], S]:
    """A default factory that gives all holders one section; it is immutable, and most jobs name few."""
    made = section()
    return lambda: made
