"""How long something ran, in whichever unit it was given."""

from decimal import Decimal

from pydantic import Field, model_validator

from etl_platform.pricing.quote import Usage


class TimedUsage(Usage):
    """A usage that lasts: `seconds`, `minutes` or `hours`, exactly one of them."""

    seconds: Decimal | None = Field(default=None, ge=0, description="How long one of them ran.")
    minutes: Decimal | None = Field(default=None, ge=0, description="The same in minutes.")
    hours: Decimal | None = Field(default=None, ge=0, description="The same in hours.")

    @model_validator(mode="after")
    def _one_unit(self):
        given = [name for name in ("seconds", "minutes", "hours") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"give one of seconds, minutes, hours; got {', '.join(given) or 'none'}")
        return self

    def duration_seconds(self) -> Decimal:
        """The time in seconds."""
        return (
            (self.seconds or Decimal(0))
            + (self.minutes or Decimal(0)) * 60
            + (self.hours or Decimal(0)) * 3600
        )
