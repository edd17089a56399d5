"""Whether a run may start, by what it and its month may cost."""

from dataclasses import dataclass

from etl_platform.config.models.cost import Cost

TO_CHECK = (
    "have the size of its sources measured or set `size_gb`, and where prices of the region are unknown run "
    "`etl-platform prices refresh` or set `pricing.overrides`"
)
"""What makes the cost of a run known."""


class OverBudgetError(RuntimeError):
    """A run that must not start, because its budget is a hard limit.

    Attributes:
        job_id: The job.
        reasons: Sentences, one for each budget that does not allow it.
    """

    def __init__(self, job_id: str, reasons: tuple[str, ...]):
        self.job_id = job_id
        self.reasons = reasons
        super().__init__(
            f'job "{job_id}" is not started: {" ".join(reasons)} Raise the budget in its `cost`, '
            "choose a cheaper size, or set `hard_limit` to false."
        )


@dataclass(frozen=True)
class BudgetVerdict:
    """What the budgets of a job say of its next run.

    Attributes:
        allowed: False where a hard limit forbids it.
        refusals: Why it is not allowed.
        warnings: What is near or over a budget, or cannot be told.
    """

    allowed: bool
    refusals: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def enforce(self, job_id: str) -> None:
        """Stop a run that is not allowed.

        Raises:
            OverBudgetError: It is not allowed.
        """
        if not self.allowed:
            raise OverBudgetError(job_id, self.refusals)


def check_budget(
    cost: Cost,
    estimate_usd: float | None,
    spent_this_month_usd: float | None = None,
    forecast_month_usd: float | None = None,
) -> BudgetVerdict:
    """Hold a run's estimate against the budgets of its job.

    A warning is given from `cost_alerts.threshold_percent` of a budget on. Above a budget the run is refused
    where `hard_limit` is set, and so it is where the budget cannot be checked because the run's cost is
    unknown. A run that nobody bills is never refused.

    Args:
        cost: The job's budgets.
        estimate_usd: Expected dollars of the run; None: unknown; 0: nobody bills it.
        spent_this_month_usd: Dollars of the calendar month so far; None: unknown.
        forecast_month_usd: Expected dollars of the whole month; it warns and never refuses.
    """
    over: list[str] = []
    near: list[str] = []
    share = cost.cost_alerts.threshold_percent / 100

    def hold(what: str, usd: float | None, budget: float | None, name: str) -> None:
        if budget is None:
            return
        if usd is None:
            unchecked = f"{what} is unknown, so `{name}` of ${budget:,.2f} cannot be checked"
            if cost.hard_limit and estimate_usd is None:
                over.append(f"{unchecked}: {TO_CHECK}.")
            else:
                near.append(f"{unchecked}.")
        elif usd > budget:
            over.append(f"{what}, ${usd:,.2f}, is over `{name}` of ${budget:,.2f}.")
        elif usd >= share * budget:
            near.append(f"{what}, ${usd:,.2f}, is {usd / budget:.0%} of `{name}` of ${budget:,.2f}.")

    hold("The estimate of the run", estimate_usd, cost.budget_per_run_usd, "budget_per_run_usd")
    month = None
    if estimate_usd is not None and spent_this_month_usd is not None:
        month = estimate_usd + spent_this_month_usd
    hold("The cost of this month with this run", month, cost.budget_monthly_usd, "budget_monthly_usd")
    if forecast_month_usd is not None and cost.budget_monthly_usd is not None:
        late = forecast_month_usd > cost.budget_monthly_usd
        if late and (month is None or month <= cost.budget_monthly_usd):
            near.append(
                f"The month's forecast of ${forecast_month_usd:,.2f} is over `budget_monthly_usd` of "
                f"${cost.budget_monthly_usd:,.2f}."
            )
    if cost.hard_limit and estimate_usd != 0:
        return BudgetVerdict(not over, tuple(over), tuple(near))
    return BudgetVerdict(True, (), (*over, *near))
