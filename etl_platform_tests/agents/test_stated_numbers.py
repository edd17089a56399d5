import pytest

from etl_platform.agents.agent import InvalidAnswerError
from etl_platform.agents.stated_numbers import refuse_invented

FACTS = {"usd": 12.3456, "share": 0.344, "runs": 12_345, "said": "usual $0.4400 ± 0.0120", "low": -7.25}


@pytest.mark.parametrize(
    "text",
    [
        "It costs $12.35, or about $12.",
        "34 % of it, exactly 34.4%.",
        "12,345 runs, roughly 12,300.",
        "usually $0.44",
        "down by 7.25",
        "two of 3 runs",
        "on G.1X nothing changes",
    ],
)
def test_what_facts_hold_may_be_said(text):
    refuse_invented([text], FACTS)


@pytest.mark.parametrize("text", ["It costs $12.40.", "35 % of it", "13,000 runs", "saves $100", "5%"])
def test_what_no_fact_holds_is_refused(text):
    with pytest.raises(InvalidAnswerError, match="none of the figures"):
        refuse_invented([text], FACTS)
