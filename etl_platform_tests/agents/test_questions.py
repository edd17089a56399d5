"""Questions about jobs and about all of them: by rule, and by a model that is held to the facts."""

import pytest

from etl_platform.agents.questions import UnknownQuestionError, ask
from etl_platform.tracking.records import ErrorDetails
from etl_platform_tests.agents.cases import NOW, case_of, glue_job, run
from etl_platform_tests.agents.decision_cases import server_model
from etl_platform_tests.agents.model_server import Reply, Turn, look_up_then, serving

OUT_OF_MEMORY = ErrorDetails(
    error_occurred=True, error_class="out_of_memory", error_message="heap full, password=hunter2\nat x.y"
)


def asked(case, question):
    return ask(case.config, case.store, question, NOW)


def two_weeks(folder, **settings):
    runs = [run(n, days_ago=8 + n, usd=1.0) for n in range(3)]
    runs += [run(10 + n, days_ago=1 + n, usd=3.0, seconds=1800.0, gb=60.0) for n in range(3)]
    return case_of(folder, runs=runs, others=[glue_job(job_id="other")], **settings)


class TestByRule:
    def test_more_cost_is_explained_by_its_causes(self, tmp_path):
        reply = asked(two_weeks(tmp_path), "Why did ORDERS cost more last week?")
        assert "$3.0000 → $9.0000 (+6.0000), by volume +6.0000 (20 → 60 GB a run)" in reply.text
        assert (reply.agent, reply.provider) == ("cost_tracking", "policy:question")
        assert reply.records == ("exec-10",)

    def test_a_failed_run_is_reported_in_plain_words(self, tmp_path):
        case = case_of(
            tmp_path, runs=[run(1, days_ago=1, usd=0.5, status="failed", error_details=OUT_OF_MEMORY)]
        )
        reply = asked(case, "what happened to orders?")
        assert reply.text.startswith(
            "orders failed (out of memory) on glue after 10 min 00 s; it cost $0.5000. heap full"
        )
        assert "hunter2" not in reply.text and "x.y" not in reply.text

    def test_asking_leaves_no_report_behind(self, tmp_path):
        case = two_weeks(tmp_path)
        asked(case, "how did orders go?")
        assert [one.agent_name for one in case.store.invocations("exec-10")] == ["question"]
        record = case.store.execution("exec-10")
        assert record and record.recommendations is None

    def test_several_jobs_are_answered_one_by_one(self, tmp_path):
        reply = asked(two_weeks(tmp_path), "how did orders and other go?")
        first, second = reply.text.split("\n\n")
        assert first.startswith("orders\norders succeeded on glue")
        assert second == "other\nother has not run yet."

    def test_an_unknown_question_lists_those_that_are_known(self, tmp_path):
        with pytest.raises(UnknownQuestionError, match="why did orders cost more last week"):
            asked(two_weeks(tmp_path), "tell me a joke about orders")

    def test_a_misspelt_job_is_told(self, tmp_path):
        case = case_of(tmp_path, others=[glue_job(job_id="daily_sales")])
        with pytest.raises(UnknownQuestionError, match='Did you mean "daily_sales"'):
            asked(case, "why did daily_sale fail?")

    def test_an_agent_that_is_off_says_so(self, tmp_path):
        case = two_weeks(tmp_path, agents={"cost_tracking_agent": {"enabled": False}})
        with pytest.raises(UnknownQuestionError, match=r"cost_tracking_agent\.enabled"):
            asked(case, "why did orders cost more?")


class TestAboutAllJobs:
    def test_the_dearest_jobs(self, tmp_path):
        case = two_weeks(tmp_path)
        case.store.put_execution(run(99, days_ago=2, usd=50.0, job_name="other"))
        case.store.put_execution(run(98, days_ago=2, usd=None, job_name="other"))
        lines = asked(case, "which jobs cost the most this month?").text.splitlines()
        assert lines[0].startswith("This month (2026-09-01 00:00 to 2026-09-21 14:13 UTC) all runs cost $62")
        assert [line.split(":")[0].strip() for line in lines[1:3]] == ["other", "orders"]
        assert lines[-1] == "The cost of 1 run is unknown, and left out."

    def test_what_failed(self, tmp_path):
        failed = run(1, days_ago=0.5, status="failed", error_details=OUT_OF_MEMORY)
        case = case_of(tmp_path, runs=[failed, run(2, days_ago=0.4), run(3, days_ago=3, status="failed")])
        reply = asked(case, "What failed last night?")
        assert reply.records == ("exec-1",)
        assert "orders at 02:13 UTC (exec-1), out of memory: heap full" in reply.text
        assert reply.text.endswith("It succeeded since.")
        assert "hunter2" not in reply.text

    def test_that_nothing_failed(self, tmp_path):
        case = case_of(tmp_path, runs=[run(2, days_ago=0.4)])
        assert asked(case, "did anything fail?").text.startswith("Nothing failed in the last 24 hours")

    def test_what_runs(self, tmp_path):
        case = case_of(tmp_path, runs=[run(1, days_ago=0.5 / 24, status="running")])
        assert asked(case, "what is running?").text == (
            "1 run is going on:\n  orders for 30 min 00 s on glue (exec-1)"
        )

    def test_what_happened(self, tmp_path):
        case = case_of(tmp_path, runs=[run(1, days_ago=0.1), run(2, days_ago=0.2), run(3, days_ago=2)])
        assert "2 runs of 1 job ended: 2 success." in asked(case, "what happened today?").text

    @pytest.mark.parametrize(
        ("question", "days"),
        [
            ("what failed in the last 3 days?", 3.0),
            ("what failed in the last 2 weeks?", 14.0),
            ("what failed in the past 12 hours?", 0.5),
        ],
    )
    def test_a_period_is_counted(self, tmp_path, question, days):
        case = case_of(
            tmp_path,
            runs=[
                run(1, days_ago=days - 0.01, status="failed"),
                run(2, days_ago=days + 0.01, status="failed"),
            ],
        )
        assert asked(case, question).records == ("exec-1",)


def with_model(folder, server):
    return two_weeks(
        folder,
        secrets={"provider": "env", "prefix": "TEST_"},
        agents={"model": server_model("openai", server.url)},
    )


@pytest.mark.slow
class TestByModel:
    def test_an_answer_comes_with_its_records(self, tmp_path):
        said = {"text": "The input grew from 20 to 60 GB.", "records": ["exec-10", "exec-0", "exec-invented"]}
        with serving(look_up_then(said, "QuestionAnswer")) as server:
            reply = asked(with_model(tmp_path, server), "why did orders cost more last week?")
            assert {"cost_tracking", "quality", "learning", "runs"} <= set(server.turns[0].tools)
        assert reply.text == "The input grew from 20 to 60 GB."
        assert reply.records == ("exec-10", "exec-0")
        assert (reply.provider, reply.fallback_reason) == ("openai:test-model", None)

    def test_any_question_may_be_asked(self, tmp_path):
        with serving(look_up_then({"text": "It has none."}, "QuestionAnswer")) as server:
            reply = asked(with_model(tmp_path, server), "does orders have friends?")
        assert (reply.text, reply.provider) == ("It has none.", "openai:test-model")

    def test_a_lie_about_a_number_is_answered_by_rule(self, tmp_path):
        lie = {"text": "It cost $4,711.", "records": []}
        with serving(look_up_then(lie, "QuestionAnswer")) as server:
            reply = asked(with_model(tmp_path, server), "why did orders cost more last week?")
        assert "4,711" not in reply.text and "by volume" in reply.text
        assert reply.provider == "policy:question"
        assert (reply.fallback_reason or "").startswith("invalid_answer: the answer states 4,711")

    def test_silence_is_answered_by_rule(self, tmp_path):
        def silent(turn: Turn) -> Reply:
            return Reply(silent=True)

        with serving(silent) as server:
            model = server_model("openai", server.url, timeout_seconds=1.0)
            case = two_weeks(
                tmp_path, secrets={"provider": "env", "prefix": "TEST_"}, agents={"model": model}
            )
            reply = asked(case, "why did orders cost more last week?")
        assert "by volume" in reply.text
        assert (reply.fallback_reason or "").startswith("timeout")

    def test_what_is_known_of_all_jobs_asks_no_model(self, tmp_path):
        with serving(look_up_then({"text": "?"}, "QuestionAnswer")) as server:
            asked(with_model(tmp_path, server), "what failed last night?")
            assert server.turns == []
