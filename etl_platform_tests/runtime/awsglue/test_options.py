import pytest
from awsglue.utils import GlueArgumentError, getResolvedOptions


def test_values_are_read_in_both_spellings():
    found = getResolvedOptions(["s.py", "--JOB_NAME", "sales", "--day=2024-05-01"], ["JOB_NAME", "day"])
    assert (found["JOB_NAME"], found["day"]) == ("sales", "2024-05-01")


def test_what_was_not_asked_for_is_passed_over():
    found = getResolvedOptions(["s.py", "--JOB_NAME", "sales", "--other", "1"], ["JOB_NAME"])
    assert "other" not in found


def test_a_missing_argument_is_named():
    with pytest.raises(GlueArgumentError, match="--day"):
        getResolvedOptions(["s.py", "--JOB_NAME", "sales"], ["JOB_NAME", "day"])


def test_an_argument_without_value_is_named():
    with pytest.raises(GlueArgumentError, match="--day"):
        getResolvedOptions(["s.py", "--day"], ["day"])


def test_the_front_of_a_name_is_not_the_name():
    with pytest.raises(GlueArgumentError, match="--day_of_week"):
        getResolvedOptions(["s.py", "--day", "1"], ["day_of_week"])


def test_arguments_that_glue_passes_are_there_unasked():
    found = getResolvedOptions(
        ["s.py", "--job-bookmark-option", "job-bookmark-enable", "--TempDir", "s3://b/t"], []
    )
    assert (found["job_bookmark_option"], found["TempDir"], found["JOB_RUN_ID"]) == (
        "job-bookmark-enable",
        "s3://b/t",
        None,
    )


def test_bookmarks_are_off_unless_asked_for():
    assert getResolvedOptions(["s.py"], [])["job_bookmark_option"] == "job-bookmark-disable"
