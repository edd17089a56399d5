import gzip
import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import orc
from pyarrow import parquet as pq

from etl_platform.quality import quarantine as module
from etl_platform.quality.bad_rows import UnusableRuleError
from etl_platform.quality.engine import evaluate
from etl_platform.quality.frame import QueryError
from etl_platform.quality.quarantine import quarantine
from etl_platform.quality.quarantined import QuarantineError
from etl_platform.quality.replay import list_quarantine, replay, show_quarantine
from etl_platform_tests.quality.builders import config_of, job_with, lake, write

RANGE = {
    "accuracy_rules": [{"field": "x", "rule_type": "range", "min": 0, "max": 10, "action": "quarantine"}]
}


def read(folder: Path) -> list[dict]:
    files = [path for path in sorted(folder.rglob("*.parquet")) if not path.name.startswith((".", "_"))]
    return [row for path in files for row in pq.ParquetFile(path).read().to_pylist()]


def moved(folder, quality, *, job=None, dataset="target", **options):
    job = job_with(quality, **(job or {}))
    return quarantine(config_of(job, folder=folder), job, dataset, "exec-1", **options)


def test_bad_rows_move_and_the_target_is_published_without_them(tmp_path):
    write([{"x": 1, "s": "a"}, {"x": 99, "s": "b"}, {"x": None, "s": "c"}], lake(tmp_path))
    done = moved(tmp_path, RANGE)
    assert done is not None
    assert (done.rows_in, done.published, done.quarantined) == (3, 2, 1)
    assert done.by_rule == {"accuracy__x__range": 1}
    assert [row["x"] for row in read(lake(tmp_path))] == [1, None]
    (row,) = read(lake(tmp_path, "out_quarantine"))
    assert (row["x"], row["s"], row["_rules"]) == (99, "b", ["accuracy__x__range"])
    assert row["_quarantined_at"].timestamp() == pytest.approx(done.quarantined_at)


def test_a_row_that_breaks_several_rules_is_there_once_with_all_of_them(tmp_path):
    quality = {
        **RANGE,
        "completeness_checks": [{"field": "s", "action": "quarantine"}],
        "custom_validations": [{"name": "even", "sql": "x % 2 = 0", "action": "quarantine"}],
    }
    write([{"x": 99, "s": None}, {"x": 2, "s": "a"}], lake(tmp_path))
    done = moved(tmp_path, quality)
    assert done is not None and done.quarantined == 1
    (row,) = read(lake(tmp_path, "out_quarantine"))
    assert sorted(row["_rules"]) == ["accuracy__x__range", "completeness__s", "custom__even"]


def test_files_without_bad_rows_are_not_written_again(tmp_path):
    write([{"x": 1}], lake(tmp_path), "good.parquet")
    write([{"x": 1}, {"x": 99}], lake(tmp_path), "bad.parquet")
    inode = (lake(tmp_path) / "good.parquet").stat().st_ino
    moved(tmp_path, RANGE)
    assert (lake(tmp_path) / "good.parquet").stat().st_ino == inode
    assert len(read(lake(tmp_path))) == 2


def test_folders_keep_their_names(tmp_path):
    write([{"x": 1}, {"x": 99}], lake(tmp_path, "out/month=02"))
    moved(tmp_path, RANGE)
    assert [path.name for path in lake(tmp_path).iterdir()] == ["month=02"]
    (row,) = read(lake(tmp_path, "out_quarantine"))
    assert row["month"] == 2


@pytest.mark.parametrize(
    ("strategy", "order", "kept"),
    [
        ("keep_first", None, [(1, "a"), (2, "z")]),
        ("keep_last", None, [(1, "c"), (2, "z")]),
        ("keep_first", "at", [(1, "b"), (2, "z")]),
        ("keep_last", "at", [(1, "a"), (2, "z")]),
        ("none", None, [(1, "a"), (1, "b"), (1, "c"), (2, "z")]),
    ],
)
def test_which_row_of_a_key_stays(strategy, order, kept, tmp_path):
    write([{"k": 1, "s": "a", "at": 9}, {"k": 1, "s": "b", "at": 1}], lake(tmp_path), "1.parquet")
    write([{"k": 1, "s": "c", "at": 5}, {"k": 2, "s": "z", "at": 5}], lake(tmp_path), "2.parquet")
    check = {"key_fields": ["k"], "dedup_strategy": strategy, "action": "quarantine"}
    done = moved(tmp_path, {"duplicate_check": check}, job={"workload": {"incremental_column": order}})
    assert sorted((row["k"], row["s"]) for row in read(lake(tmp_path))) == kept
    if done:
        assert done.kept_by == (order or "file order")


def test_orphans_move(tmp_path):
    write([{"x": 1}, {"x": 2}, {"x": None}], lake(tmp_path))
    write([{"id": 1}], lake(tmp_path, "p"))
    link = {"child_table": "target", "child_key": "x", "parent_table": "p", "parent_key": "id"}
    source = {"name": "p", "source_type": "s3", "path": "s3://lake/p/"}
    quality = {"referential_integrity": [{**link, "action": "quarantine"}]}
    moved(tmp_path, quality, job={"sources": [source]})
    assert [row["x"] for row in read(lake(tmp_path))] == [1, None]


def test_rows_of_a_source_are_copied_and_the_source_stays(tmp_path):
    source = {"name": "raw", "source_type": "s3", "path": "s3://lake/raw/"}
    write([{"x": 1}, {"x": 99}], lake(tmp_path, "raw"))
    rule = {**RANGE["accuracy_rules"][0], "dataset": "raw"}
    done = moved(tmp_path, {"accuracy_rules": [rule]}, job={"sources": [source]}, dataset="raw")
    assert done is not None and done.clean_copy is not None
    assert len(read(lake(tmp_path, "raw"))) == 2
    assert [row["x"] for row in read(Path(done.clean_copy))] == [1]
    assert Path(done.path) == tmp_path / "root/quarantine/orders/raw/execution_id=exec-1"


def test_only_the_partition_of_the_run_is_touched(tmp_path):
    target = {"type": "s3", "path": "s3://lake/out/", "partition_by": ["day"]}
    for day in ("2024-01-01", "2024-01-02"):
        write([{"x": 99}], lake(tmp_path, f"out/day={day}"))
    done = moved(tmp_path, RANGE, job={"target": target}, partition_key="2024-01-02")
    assert done is not None and (done.rows_in, done.quarantined) == (1, 1)
    assert len(read(lake(tmp_path))) == 1


def test_without_bad_rows_nothing_happens(tmp_path):
    write([{"x": 1}], lake(tmp_path))
    assert moved(tmp_path, RANGE) is None
    assert [path.name for path in lake(tmp_path).parent.iterdir()] == ["out"]


def test_again_for_the_same_execution_tells_what_was_moved(tmp_path):
    write([{"x": 99}], lake(tmp_path))
    assert moved(tmp_path, RANGE) == moved(tmp_path, RANGE)


def test_further_bad_rows_of_an_execution_are_kept_beside_the_first(tmp_path):
    write([{"x": 99}, {"x": 1}], lake(tmp_path))
    moved(tmp_path, RANGE)
    write([{"x": 98}, {"x": 97}], lake(tmp_path), "later.parquet")
    done = moved(tmp_path, RANGE)
    assert done is not None and (done.execution_id, done.quarantined) == ("exec-1-2", 2)
    assert [row["x"] for row in read(lake(tmp_path))] == [1]
    assert sorted(row["x"] for row in read(lake(tmp_path, "out_quarantine"))) == [97, 98, 99]


def test_a_rule_about_the_whole_dataset_picks_no_rows(tmp_path):
    write([{"x": 99}], lake(tmp_path))
    with pytest.raises(UnusableRuleError, match="row_count is about the dataset as a whole"):
        moved(tmp_path, {"row_count": {"min": 9, "action": "quarantine"}})


FILES = {
    "csv": ('x|s\n1|"a| b"\n99|b\n7.50|\n', 'x|s\n1|"a| b"\n7.50|\n'),
    "json": (
        '{"x": 1, "s": "a"}\n\n{"x": 99, "s": "b"}\n{"s": "c",  "x": 7}',
        '{"x": 1, "s": "a"}\n{"s": "c",  "x": 7}\n',
    ),
}


@pytest.mark.parametrize("kind", FILES)
def test_text_files_keep_the_text_of_the_rows_that_stay(kind, tmp_path):
    before, after = FILES[kind]
    (lake(tmp_path) / f"a.{kind}").write_text(before)
    (lake(tmp_path) / f"b.{kind}").write_text(before.replace("99", "5"))
    done = moved(tmp_path, RANGE, job={"target": {"type": "s3", "path": "s3://lake/out/", "format": kind}})
    assert done is not None and (done.rows_in, done.published, done.quarantined) == (6, 5, 1)
    assert (lake(tmp_path) / f"a.{kind}").read_text() == after
    assert (lake(tmp_path) / f"b.{kind}").read_text() == before.replace("99", "5")
    (row,) = read(lake(tmp_path, "out_quarantine"))
    assert (row["x"], row["s"], row["_rules"]) == (99, "b", ["accuracy__x__range"])


def test_compressed_text_stays_compressed(tmp_path):
    (lake(tmp_path) / "a.json.gz").write_bytes(gzip.compress(FILES["json"][0].encode()))
    done = moved(tmp_path, RANGE, job={"target": {"type": "s3", "path": "s3://lake/out/", "format": "json"}})
    assert done is not None and done.quarantined == 1
    assert gzip.decompress((lake(tmp_path) / "a.json.gz").read_bytes()).decode() == FILES["json"][1]


def test_one_array_of_json_is_refused_and_stays(tmp_path):
    (lake(tmp_path) / "a.json").write_text('[{"x": 1}, {"x": 99}]')
    with pytest.raises(QueryError, match="one JSON array"):
        moved(tmp_path, RANGE, job={"target": {"type": "s3", "path": "s3://lake/out/", "format": "json"}})
    assert (lake(tmp_path) / "a.json").read_text() == '[{"x": 1}, {"x": 99}]'


def test_orc_is_written_again_stripe_by_stripe(tmp_path):
    place = lake(tmp_path, "out/day=2024-01-01") / "a.orc"
    rows = [n if n % 1000 else 99 for n in range(1, 40_001)]
    values = pa.table({"x": pa.array([0 if n != 99 else 99 for n in rows]), "n": range(40_000)})
    with orc.ORCWriter(str(place), stripe_size=1024, batch_size=1000, compression="zstd") as writer:
        for start in range(0, 40_000, 10_000):
            writer.write(values.slice(start, 10_000))
    done = moved(tmp_path, RANGE, job={"target": {"type": "s3", "path": "s3://lake/out/", "format": "orc"}})
    assert done is not None and (done.rows_in, done.quarantined) == (40_000, 41)
    file = orc.ORCFile(place)
    assert file.compression == "ZSTD"
    kept = file.read().to_pydict()
    assert set(kept["x"]) == {0} and len(set(kept["n"])) == 40_000 - 41
    gone = {row["n"] for row in read(lake(tmp_path, "out_quarantine"))}
    assert gone == set(range(40_000)) - set(kept["n"])
    assert {row["day"].isoformat() for row in read(lake(tmp_path, "out_quarantine"))} == {"2024-01-01"}


def test_counts_that_do_not_add_up_publish_nothing(tmp_path, monkeypatch):
    write([{"x": 1}, {"x": 99}], lake(tmp_path))
    monkeypatch.setattr(module, "rows_in", lambda *_: 5)
    with pytest.raises(QuarantineError, match="has 2 rows, but 5 clean and 1 bad"):
        moved(tmp_path, RANGE)
    assert [row["x"] for row in read(lake(tmp_path))] == [1, 99]


def test_a_process_that_ends_at_any_point_leaves_the_old_or_the_new_target_whole(tmp_path):
    template = tmp_path / "template"
    write([{"x": 1}, {"x": 99}], lake(template), "a.parquet")
    write([{"x": 2}], lake(template), "b.parquet")
    answers = ended_everywhere("quarantine", template, job_with(RANGE))
    assert {tuple(answer["found"][0]) for answer in answers} == {(1, 2, 99), (1, 2)}
    for number, answer in enumerate(answers, 1):
        assert (answer["after"], answer["quarantined"]) == ([1, 2], [99]), number


def ended_everywhere(action: str, template: Path, job) -> list[dict]:
    """What is found of each end of an action, and after it was done again."""
    program = [sys.executable, "-m", "etl_platform_tests.quality.crash_at", action, str(template)]
    done = subprocess.run(
        [*program, job.model_dump_json(exclude_unset=True)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout)
    assert len(answers) > 10
    assert [answer["ended_early"] for answer in answers] == [True] * (len(answers) - 1) + [False]
    for number, answer in enumerate(answers, 1):
        assert answer["again"] == 0, number
        assert answer["left_over"] == ["execution_id=exec-1", "out", "out_quarantine"], number
    return answers


class TestReplay:
    def project(self, folder, quality=RANGE, **job):
        write([{"k": 1, "x": 1}, {"k": 2, "x": 99}, {"k": 3, "x": 98}], lake(folder, job.pop("place", "out")))
        made = job_with(quality, **job)
        config = config_of(made, folder=folder)
        assert quarantine(config, made, "target", "exec-1") is not None
        return config, made

    def mend(self, folder, values):
        path = lake(folder, "out_quarantine/execution_id=exec-1") / "rows.parquet"
        table = pq.ParquetFile(path).read()
        place = table.column_names.index("x")
        pq.write_table(table.set_column(place, "x", pa.array(values, pa.int64())), path)

    def test_mended_rows_go_back_and_the_others_stay(self, tmp_path):
        config, job = self.project(tmp_path)
        self.mend(tmp_path, [5, 98])
        done = replay(config, job, "exec-1")
        assert (done.rows, done.back, done.staying) == (2, 1, 1)
        assert sorted(row["x"] for row in read(lake(tmp_path))) == [1, 5]
        assert [row["x"] for row in read(lake(tmp_path, "out_quarantine"))] == [98]

    def test_rows_go_back_into_their_folder(self, tmp_path):
        config, job = self.project(tmp_path, place="out/day=2024-01-01")
        self.mend(tmp_path, [5, 98])
        replay(config, job, "exec-1")
        assert sorted(row["x"] for row in read(lake(tmp_path, "out/day=2024-01-01"))) == [1, 5]

    def test_a_row_whose_key_the_target_has_stays(self, tmp_path):
        check = {"key_fields": ["k"], "dedup_strategy": "keep_first", "action": "quarantine"}
        config, job = self.project(tmp_path, {**RANGE, "duplicate_check": check})
        self.mend(tmp_path, [5, 6])
        write([{"k": 2, "x": 2}], lake(tmp_path), "later.parquet")
        done = replay(config, job, "exec-1")
        assert (done.back, done.staying) == (1, 1)
        (row,) = read(lake(tmp_path, "out_quarantine"))
        assert (row["k"], row["_rules"]) == (2, ["duplicates__k"])

    @pytest.mark.parametrize("kind", ["csv", "json", "orc"])
    def test_rows_go_back_in_the_format_of_the_target(self, kind, tmp_path):
        values = pa.table({"k": [1, 2, 3], "x": [1, 99, 98]})
        if kind == "orc":
            orc.write_table(values, lake(tmp_path) / "a.orc")
        else:
            text = {"csv": "k|x\n1|1\n2|99\n3|98\n", "json": "\n".join(map(json.dumps, values.to_pylist()))}
            (lake(tmp_path) / f"a.{kind}").write_text(text[kind])
        job = job_with(RANGE, target={"type": "s3", "path": "s3://lake/out/", "format": kind})
        config = config_of(job, folder=tmp_path)
        assert quarantine(config, job, "target", "exec-1") is not None
        self.mend(tmp_path, [5, 98])
        assert replay(config, job, "exec-1").back == 1
        rule = {"accuracy_rules": [{"field": "x", "rule_type": "allowed_values", "values": [1, 5]}]}
        checked = job_with(rule, target={"type": "s3", "path": "s3://lake/out/", "format": kind})
        (result,) = evaluate(config, checked, "target", engine="local").results
        assert (result.rows_checked, result.rows_failed) == (2, 0)

    def test_a_second_replay_puts_no_row_back_twice(self, tmp_path):
        config, job = self.project(tmp_path)
        self.mend(tmp_path, [5, 98])
        replay(config, job, "exec-1")
        assert replay(config, job, "exec-1").back == 0
        assert sorted(row["x"] for row in read(lake(tmp_path))) == [1, 5]

    def test_a_process_that_ends_at_any_point_puts_no_row_back_twice(self, tmp_path):
        template = tmp_path / "template"
        _, job = self.project(template)
        self.mend(template, [5, 98])
        answers = ended_everywhere("replay", template, job)
        for number, answer in enumerate(answers, 1):
            target, kept = answer["found"]
            assert target in ([1], [1, 5]), number
            assert {*target, *kept} == {1, 5, 98}, number
            assert (answer["after"], answer["quarantined"]) == ([1, 5], [98]), number

    def test_whoever_finishes_a_replay_tells_what_came_of_it(self, tmp_path, monkeypatch):
        from etl_platform.quality import local_shelf

        config, job = self.project(tmp_path)
        self.mend(tmp_path, [5, 98])
        publish = local_shelf.publish

        def stop_before_quarantine(new, place):
            if "execution_id" in place.name:
                raise KeyboardInterrupt
            publish(new, place)

        with monkeypatch.context() as patch:
            patch.setattr(local_shelf, "publish", stop_before_quarantine)
            with pytest.raises(KeyboardInterrupt):
                replay(config, job, "exec-1")
        done = replay(config, job, "exec-1")
        assert (done.rows, done.back, done.staying) == (2, 1, 1)
        assert sorted(row["x"] for row in read(lake(tmp_path))) == [1, 5]

    def test_rows_of_several_folders_go_back_into_theirs_and_into_new_ones(self, tmp_path):
        target = {"type": "s3", "path": "s3://lake/out/", "format": "orc"}
        for month, x in (("02", 99), ("03", 98)):
            orc.write_table(pa.table({"k": [1], "x": [x]}), lake(tmp_path, f"out/month={month}") / "a.orc")
        job = job_with(RANGE, target=target)
        config = config_of(job, folder=tmp_path)
        assert quarantine(config, job, "target", "exec-1") is not None
        self.mend(tmp_path, [5, 6])
        path = lake(tmp_path, "out_quarantine/execution_id=exec-1") / "rows.parquet"
        table = pq.ParquetFile(path).read()
        months = pa.array([2, 11], pa.int32())
        pq.write_table(table.set_column(table.column_names.index("month"), "month", months), path)
        assert replay(config, job, "exec-1").back == 2
        found = {
            path.parent.name: orc.read_table(path).to_pylist()
            for path in lake(tmp_path).rglob("replayed-*.orc")
        }
        assert found == {"month=02": [{"k": 1, "x": 5}], "month=11": [{"k": 1, "x": 6}]}

    def test_a_value_that_does_not_fit_its_column_puts_nothing_back(self, tmp_path):
        config, job = self.project(tmp_path)
        path = lake(tmp_path, "out_quarantine/execution_id=exec-1") / "rows.parquet"
        table = pq.ParquetFile(path).read()
        halves = pa.array([5.5, 6.0])
        pq.write_table(table.set_column(table.column_names.index("x"), "x", halves), path)
        with pytest.raises(QuarantineError, match="1 values of x, which is DOUBLE, do not fit"):
            replay(config, job, "exec-1")
        assert [row["x"] for row in read(lake(tmp_path))] == [1]
        whole = pa.array([5.0, 6.0])
        pq.write_table(table.set_column(table.column_names.index("x"), "x", whole), path)
        assert replay(config, job, "exec-1").back == 2
        assert {pq.ParquetFile(path).schema_arrow.field("x").type for path in lake(tmp_path).iterdir()} == {
            pa.int64()
        }

    def test_what_lies_in_quarantine_is_listed(self, tmp_path):
        config, job = self.project(tmp_path)
        (content,) = list_quarantine(config, job)
        assert (content.dataset, content.execution_id, content.quarantined) == ("target", "exec-1", 2)

    def test_rows_are_shown_without_personal_data(self, tmp_path):
        config, job = self.project(tmp_path, compliance={"pii_fields": ["X"]})
        shown = show_quarantine(config, job, "exec-1")
        assert [(row["k"], row["x"]) for row in shown] == [(2, "(personal data)"), (3, "(personal data)")]

    def test_an_execution_without_rows_in_quarantine_is_a_sentence(self, tmp_path):
        config, job = self.project(tmp_path)
        with pytest.raises(QuarantineError, match="executions with rows in quarantine: exec-1"):
            replay(config, job, "exec-2")
