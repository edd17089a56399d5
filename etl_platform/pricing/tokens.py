"""What a language model's tokens cost; the book has no such prices, so a configuration gives them."""

from decimal import Decimal
from typing import ClassVar

from pydantic import Field

from etl_platform.pricing.book import PriceBook
from etl_platform.pricing.quote import Line, Usage, line


class TokenUsage(Usage):
    """Tokens of one Bedrock model, at `pricing.overrides` in dollars for a million tokens."""

    service: ClassVar[str] = "bedrock"

    model_id: str = Field(min_length=1, description="Bedrock model.")
    input_tokens: int = Field(default=0, ge=0, description="Tokens sent.")
    output_tokens: int = Field(default=0, ge=0, description="Tokens received.")

    def lines(self, book: PriceBook) -> list[Line]:
        """Tokens sent and received; unknown without an override."""
        kinds = (("input", self.input_tokens), ("output", self.output_tokens))
        return [
            line(book, f"bedrock.{self.model_id}.{kind}_token", Decimal(count), f"{count:,} {kind} tokens")
            for kind, count in kinds
            if count
        ]
