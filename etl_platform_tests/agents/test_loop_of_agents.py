"""The agents that explain, through the loop that runs any of them on any model."""

import pytest

from etl_platform.agents.agent import Case
from etl_platform.agents.guard import invoke
from etl_platform.agents.registry import agent, recommendations_of
from etl_platform.tracking.sqlite import SqliteStore
from etl_platform_tests.agents.cases import NOW
from etl_platform_tests.projects import ORDERS, copy_job, load_project, write_table

QUALITY = {"completeness_checks": [{"field": "email", "dataset": "orders"}]}


@pytest.mark.parametrize("name", ["cost_tracking", "quality", "compliance", "optimization", "learning"])
def test_an_agent_answers_on_the_policy_model_as_its_rule_does(tmp_path, name):
    config = load_project(tmp_path, copy_job("copy", data_quality=QUALITY))
    write_table(tmp_path, "orders", ORDERS)
    store = SqliteStore(tmp_path / "tracking.db", clock=lambda: NOW)
    case = Case(config, config.job("copy"), store, NOW)
    one = agent(name)
    found = invoke(one, case)
    assert (found.provider, found.fallback_reason) == (f"policy:{name}", None)
    results = {key: tool() for key, tool in one.tools(case).items()}
    assert found.answer == one.check(case, one.policy(case, results))
    assert all(advice.recommendation_id for advice in recommendations_of(name, case, found.answer))
