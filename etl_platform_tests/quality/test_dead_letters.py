import datetime as dt
import json

from etl_platform.quality.dead_letters import dead_letter_file, send_dead_letters
from etl_platform_tests.quality.builders import config_of, job_with, lake, write

QUALITY = {
    "accuracy_rules": [
        {"field": "x", "rule_type": "range", "min": 0, "action": "dead_letter_queue"},
        {"field": "s", "rule_type": "length", "max": 2, "action": "dead_letter_queue"},
        {"field": "s", "rule_type": "length", "min": 1, "action": "warn"},
    ]
}
NOW = dt.datetime(2024, 1, 1, tzinfo=dt.timezone.utc)


def sent(folder, rows):
    write(rows, lake(folder))
    job = job_with(QUALITY)
    config = config_of(job, folder=folder)
    letters = send_dead_letters(config, job, "target", "exec-1", now=NOW)
    return letters and letters.count, dead_letter_file(config, job, "target", "exec-1")


def test_each_bad_row_is_a_line_with_its_rules_and_reasons(tmp_path):
    rows = [
        {"x": 1.0, "s": "a"},
        {"x": -1.0, "s": "é"},
        {"x": float("nan"), "s": "long"},
        {"x": 1.0, "s": ""},
    ]
    count, path = sent(tmp_path, rows)
    letters = [json.loads(line, parse_constant=None) for line in path.read_text().splitlines()]
    assert count == len(letters) == 2
    assert letters[0] == {
        "letter_id": "exec-1/target/0",
        "row": {"x": -1.0, "s": "é"},
        "rules": ["accuracy__x__range"],
        "reasons": ["`x` lies in [0, …]."],
        "job_id": "orders",
        "dataset": "target",
        "execution_id": "exec-1",
        "at": NOW.timestamp(),
    }
    assert letters[1]["row"] == {"x": "NaN", "s": "long"}
    assert letters[1]["rules"] == ["accuracy__x__range", "accuracy__s__length"]


def test_the_dataset_stays_as_it_is(tmp_path):
    sent(tmp_path, [{"x": -1.0, "s": "a"}])
    assert [path.name for path in lake(tmp_path).iterdir()] == ["part-0.parquet"]


def test_without_bad_rows_there_is_no_file(tmp_path):
    count, path = sent(tmp_path, [{"x": 1.0, "s": "a"}])
    assert (count, path.exists()) == (None, False)


def test_a_second_call_writes_the_same_file_again(tmp_path):
    rows = [{"x": -1.0, "s": "a"}]
    _, path = sent(tmp_path, rows)
    before = path.read_text()
    assert sent(tmp_path, rows)[1].read_text() == before
