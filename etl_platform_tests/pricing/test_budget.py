import pytest

from etl_platform.config.models.cost import Cost
from etl_platform.pricing.budget import OverBudgetError, check_budget


def budget(**keys) -> Cost:
    return Cost.model_validate(keys)


@pytest.mark.parametrize(
    ("estimate", "word"),
    [(8.9, None), (9.0, "90%"), (10.0, "100%"), (10.01, "over `budget_per_run_usd`"), (None, "unknown")],
)
def test_a_run_is_warned_of_from_the_threshold_on(estimate, word):
    verdict = check_budget(budget(budget_per_run_usd=10.0), estimate)
    assert verdict.allowed
    assert [word in sentence for sentence in verdict.warnings] == ([True] if word else [])


@pytest.mark.parametrize(("estimate", "allowed"), [(10.0, True), (10.01, False), (None, False)])
def test_a_hard_limit_refuses_what_is_over_it_or_cannot_be_checked(estimate, allowed):
    assert check_budget(budget(budget_per_run_usd=10.0, hard_limit=True), estimate).allowed is allowed


def test_the_month_counts_what_was_spent():
    limits = budget(budget_monthly_usd=100.0, hard_limit=True)
    assert check_budget(limits, 10, spent_this_month_usd=80).allowed
    verdict = check_budget(limits, 10, spent_this_month_usd=91)
    assert not verdict.allowed
    with pytest.raises(OverBudgetError, match=r'job "orders" is not started.*\$101\.00'):
        verdict.enforce("orders")


def test_what_cannot_be_checked_says_what_to_do():
    verdict = check_budget(budget(budget_per_run_usd=10.0, hard_limit=True), None)
    assert "prices refresh" in verdict.refusals[0] and "size_gb" in verdict.refusals[0]


def test_a_run_that_nobody_bills_is_never_refused():
    verdict = check_budget(budget(budget_monthly_usd=10.0, hard_limit=True), 0.0, spent_this_month_usd=15.9)
    assert verdict.allowed
    assert "$15.90" in verdict.warnings[0]


def test_a_forecast_warns_and_never_refuses():
    verdict = check_budget(budget(budget_monthly_usd=100.0, hard_limit=True), 1, 5, forecast_month_usd=130)
    assert verdict.allowed
    assert "forecast of $130.00" in verdict.warnings[0]


def test_without_budgets_nothing_is_said():
    assert check_budget(budget(hard_limit=True), None) == check_budget(budget(), 1e9)


def test_threshold_is_the_jobs_own():
    limits = budget(budget_per_run_usd=10.0, cost_alerts={"threshold_percent": 50.0})
    assert check_budget(limits, 5).warnings and not check_budget(limits, 4.9).warnings
