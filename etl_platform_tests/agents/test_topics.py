"""Which jobs a question names, and what it wants to know of them, however it is put."""

import pytest

from etl_platform.agents.topics import jobs_named, probably_meant, topic_of
from etl_platform_tests.agents.cases import case_of, glue_job

PHRASINGS = (
    ("why did orders cost more last week?", "cost_tracking"),
    ("What does orders cost per month?", "cost_tracking"),
    ("is orders over budget?", "cost_tracking"),
    ("how can I save money on orders", "cost_tracking"),
    ("how much did we spend on orders yesterday?", "cost_tracking"),
    ("Why is the bill of orders so high?", "cost_tracking"),
    ("make orders cheaper", "cost_tracking"),
    ("what's the price of a run of orders?", "cost_tracking"),
    ("forecast for orders this month", "cost_tracking"),
    ("why do checks of orders fail?", "quality"),
    ("which rules of orders do not hold?", "quality"),
    ("is the data of orders good?", "quality"),
    ("how is the data quality of orders?", "quality"),
    ("are there nulls in orders?", "quality"),
    ("does orders have duplicates?", "quality"),
    ("can I trust orders?", "quality"),
    ("what is the score of orders?", "quality"),
    ("which columns of orders are personal data?", "compliance"),
    ("does orders contain PII?", "compliance"),
    ("is orders GDPR compliant?", "compliance"),
    ("are columns of orders masked?", "compliance"),
    ("what sensitive data does orders read?", "compliance"),
    ("how can orders be made faster?", "optimization"),
    ("why is orders so slow?", "optimization"),
    ("how do I tune orders?", "optimization"),
    ("optimise orders", "optimization"),
    ("does orders spill?", "optimization"),
    ("what would improve orders?", "optimization"),
    ("what do past runs of orders say?", "learning"),
    ("how long does orders take?", "learning"),
    ("how long will orders run?", "learning"),
    ("show me the history of orders", "learning"),
    ("where does orders run next, and why there?", "decision"),
    ("which platform is best for orders?", "decision"),
    ("why does orders run on EMR?", "decision"),
    ("how many workers does orders get?", "decision"),
    ("what size is right for orders?", "decision"),
    ("how did the last run of orders go?", "supervisor"),
    ("why did orders fail last night?", "supervisor"),
    ("what happened to orders?", "supervisor"),
    ("status of orders", "supervisor"),
    ("is orders ok?", "supervisor"),
    ("what went wrong with orders?", "supervisor"),
    ("did orders succeed?", "supervisor"),
)


@pytest.mark.parametrize(("question", "agent"), PHRASINGS)
def test_a_question_is_understood_in_many_words(question, agent):
    topic = topic_of(question, [glue_job()])
    assert topic and topic.agent == agent


@pytest.mark.parametrize("question", ["tell me a joke about orders", "who wrote orders?", "orders"])
def test_what_no_rule_knows_has_no_topic(question):
    assert topic_of(question, [glue_job()]) is None


def test_the_name_of_a_job_is_no_topic():
    job = glue_job(job_id="cost_report")
    topic = topic_of("why did cost_report fail?", [job])
    assert topic and topic.agent == "supervisor"


@pytest.fixture
def config(tmp_path):
    others = [glue_job(job_id=name) for name in ("orders_clean", "daily_sales")]
    return case_of(tmp_path, others=others).config


@pytest.mark.parametrize(
    ("question", "names"),
    [
        ("how did ORDERS go?", ["orders"]),
        ("how did Orders Clean go?", ["orders_clean"]),
        ("how did daily-sales and orders go?", ["daily_sales", "orders"]),
        ("orders_clean", ["orders_clean"]),
        ("is orders' data good, and that of orders_clean?", ["orders", "orders_clean"]),
        ("how did the reorders go?", []),
    ],
)
def test_jobs_are_named_in_any_spelling(config, question, names):
    assert [job.job_id for job in jobs_named(config, question)] == names


def test_a_misspelt_job_is_recognized(config):
    assert probably_meant(config, "why did daily_sale fail?") == "daily_sales"
    assert probably_meant(config, "why did everything fail?") is None
