"""The event of a month that will cost more than its budget."""

from dataclasses import dataclass

from etl_platform.notify.events import Event


@dataclass(frozen=True, kw_only=True)
class BudgetForecast(Event):
    """The forecast of a month is over its budget; told once a month.

    Attributes:
        month: UTC month, such as `2026-11`.
        explanation: A sentence with the figures.
    """

    name = "budget_threshold"
    severity = "warning"
    words = "the month will be over the budget"
    words_after = "the month will be within the budget"

    month: str
    explanation: str

    @property
    def subject(self) -> str:
        """Apart from the budgets that are used up already."""
        return "forecast"

    @property
    def details(self) -> frozenset[str]:
        """The month: each is told."""
        return frozenset([self.month])

    @property
    def sentence(self) -> str:
        """What will happen."""
        return self.explanation
