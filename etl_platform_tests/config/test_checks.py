import pytest
from dagster._core.utils import is_valid_email
from dagster._utils.schedules import is_valid_cron_string
from dagster._utils.tags import is_valid_strict_tag_value, is_valid_tag_key
from hypothesis import given
from hypothesis import strategies as st

from etl_platform.config.checks.execution import cron_fault
from etl_platform.config.checks.job import problems
from etl_platform.config.dates import RelativeDate, parse_bound
from etl_platform.config.models.job import Job
from etl_platform_tests.config.files import job

field = st.one_of(
    st.just("*"),
    st.integers(0, 62).map(str),
    st.tuples(st.integers(0, 32), st.integers(0, 32)).map(lambda pair: f"{pair[0]}-{pair[1]}"),
    st.integers(0, 40).map(lambda step: f"*/{step}"),
    st.sampled_from(
        ["L", "LW", "5L", "1#2", "MON", "JAN", "MON-FRI", "?", "H", "R", "1,15", "@daily", "0 0"]
    ),
)


@given(st.lists(field, min_size=4, max_size=6).map(" ".join))
def test_a_cron_line_that_is_taken_here_is_taken_by_the_scheduler(line: str) -> None:
    assert cron_fault(line) is not None or is_valid_cron_string(line)


@pytest.mark.parametrize(
    "line",
    ["0 6 * * *", "*/5 * * * *", "0 0 L * *", "0 9 * * MON-FRI", "0 0 * * 1#2", "15,45 8-18 1 JAN,JUL *"],
)
def test_common_cron_lines_are_taken(line: str) -> None:
    assert cron_fault(line) is None


@given(st.text("aZ0._-/ é", min_size=1, max_size=70), st.text("aZ0._-/ é", max_size=70))
def test_tags_that_are_taken_here_are_taken_by_dagster(key: str, value: str) -> None:
    found = [*problems(Job.model_validate(job(tags={key: value})))]
    assert (found == []) == (is_valid_tag_key(key) and is_valid_strict_tag_value(value))


@given(st.text("aZ0._%+-@:", min_size=1, max_size=20))
def test_owners_that_are_taken_here_are_taken_by_dagster(owner: str) -> None:
    found = [*problems(Job.model_validate(job(owners=[owner])))]
    assert found != [] or is_valid_email(owner) or owner.startswith("team:")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("current_date", RelativeDate(0, "day")),
        ("current_date + 2 days", RelativeDate(2, "day")),
        ("CURRENT_DATE-3 hour", RelativeDate(-3, "hour")),
        ("current_date + 1", None),
        ("tomorrow", None),
    ],
)
def test_relative_bounds(text: str, expected: RelativeDate | None) -> None:
    assert parse_bound(text) == expected


@pytest.mark.parametrize(
    "text", ["2024-02-29", "2024-02-29T12:00", "2024-02-29T12:00:00Z", "2024-02-29 12:00+02:00"]
)
def test_absolute_bounds(text: str) -> None:
    assert parse_bound(text) is not None
