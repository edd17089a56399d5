"""Quarantine and replay on S3, and processes that end at each change of it."""

import json
from contextlib import suppress
from io import BytesIO

import pyarrow as pa
import pytest
from pyarrow import orc
from pyarrow import parquet as pq

from etl_platform.config.models.global_settings import GlobalSettings
from etl_platform.config.project import Config
from etl_platform.quality.engine import evaluate
from etl_platform.quality.quarantine import quarantine
from etl_platform.quality.quarantined import QuarantineError
from etl_platform.quality.replay import list_quarantine, replay, show_quarantine
from etl_platform.quality.s3_shelf import S3Shelf
from etl_platform_tests.quality.builders import job_with

pytestmark = pytest.mark.slow


def config_of(folder, job):
    return Config(path=folder / "etl_config.json", jobs=(job,), settings=GlobalSettings(), profile="aws")


RANGE = {
    "accuracy_rules": [{"field": "x", "rule_type": "range", "min": 0, "max": 10, "action": "quarantine"}]
}


class Ended(Exception):
    """Stands for the end of the process."""


def end_at(patch: pytest.MonkeyPatch, number: int) -> list[int]:
    """Let the n-th change of S3, and all after it, be the end; the list tells whether it came to that."""
    left, ended = number, []

    def ending(change):
        def changed(self, *arguments):
            nonlocal left
            left -= 1
            if left <= 0:
                ended.append(number)
                raise Ended
            return change(self, *arguments)

        return changed

    # Each change of S3 is one of these calls.
    for name in ("_put", "_copy", "_remove"):
        patch.setattr(S3Shelf, name, ending(getattr(S3Shelf, name)))
    return ended


class OnS3:
    """What both look at, and how they end."""

    @pytest.fixture
    def s3(self, bucket, session):
        return session.client("s3")

    def keys(self, s3) -> list[str]:
        return [item["Key"] for item in s3.list_objects_v2(Bucket="lake").get("Contents", ())]

    def rows(self, s3, prefix: str = "out/") -> list[int]:
        """The values of x, as a reader of a prefix finds them."""
        found = [key for key in self.keys(s3) if key.startswith(prefix) and "/_" not in key]
        bodies = [s3.get_object(Bucket="lake", Key=key)["Body"].read() for key in found]
        tables = [pq.ParquetFile(BytesIO(body)).read(["x"]) for body in bodies if body[:4] == b"PAR1"]
        return sorted(value for table in tables for value in table["x"].to_pylist())

    def moved(self, folder, quality=RANGE, dataset="target", execution_id="exec-1", **sections):
        job = job_with(quality, **sections)
        return quarantine(config_of(folder, job), job, dataset, execution_id)

    def fill(self, bucket):
        bucket("out/day=2024-01-01/a.parquet", [{"x": 1}, {"x": 99}])
        bucket("out/day=2024-01-01/b.parquet", [{"x": 2}])
        bucket("out/day=2024-01-02/c.parquet", [{"x": 98}, {"x": 3}])

    def ended_everywhere(self, bucket, s3, monkeypatch, act, during, after) -> int:
        """Let an act end at its first change of S3, and from there on at each; the number of points.

        Once the list of what is to be published stands, whoever comes next does what is still to be done.
        That is a shelf's `recover`, so that the steps before it are taken only twice.

        Args:
            bucket: Puts an object.
            s3: A client.
            monkeypatch: For the ends.
            act: What is to end.
            during: Looks at what a reader finds after an end, and gets its number.
            after: The same once it was done again.
        """
        shelf = S3Shelf("lake/out_quarantine", None, of_target=True)
        before = self.snapshot(s3)
        for number in (1, 2):
            self.restore(bucket, s3, before)
            with monkeypatch.context() as patch:
                end_at(patch, number)
                with pytest.raises(Ended):
                    act()
            during(number)
            if number == 1:
                act()
                after(number)
                self.nothing_aside(s3)
        listed = self.snapshot(s3)
        while True:
            self.restore(bucket, s3, listed)
            with monkeypatch.context() as patch:
                # The first change was the list itself.
                ended = end_at(patch, number - 1)
                with suppress(Ended):
                    shelf.recover()
            during(number)
            shelf.recover()
            after(number)
            self.nothing_aside(s3)
            if not ended:
                return number - 1
            number += 1

    def snapshot(self, s3) -> dict[str, bytes]:
        return {key: s3.get_object(Bucket="lake", Key=key)["Body"].read() for key in self.keys(s3)}

    def restore(self, bucket, s3, objects: dict[str, bytes]) -> None:
        for key in self.keys(s3):
            s3.delete_object(Bucket="lake", Key=key)
        for key, body in objects.items():
            bucket(key, body)

    def nothing_aside(self, s3) -> None:
        assert [key for key in self.keys(s3) if "_staging" in key or "_publishing" in key] == []


class TestQuarantine(OnS3):
    """Bad rows of datasets leave them."""

    def test_bad_rows_of_a_target_move_and_nothing_else_is_left(self, bucket, s3, tmp_path):
        self.fill(bucket)
        done = self.moved(tmp_path)
        assert done is not None
        assert (done.rows_in, done.published, done.quarantined) == (5, 3, 2)
        assert done.path == "s3://lake/out_quarantine/execution_id=exec-1"
        assert self.rows(s3) == [1, 2, 3]
        assert self.rows(s3, "out_quarantine/execution_id=exec-1/") == [98, 99]
        assert self.keys(s3) == [
            "out/day=2024-01-01/a.parquet",
            "out/day=2024-01-01/b.parquet",
            "out/day=2024-01-02/c.parquet",
            "out_quarantine/execution_id=exec-1/_quarantine.json",
            "out_quarantine/execution_id=exec-1/rows.parquet",
        ]

    def test_a_process_that_ends_at_any_change_loses_no_row(self, bucket, s3, tmp_path, monkeypatch):
        def whole(number):
            found = self.rows(s3)
            assert [x for x in found if x < 90] == [1, 2, 3], number
            assert len(found) == len(set(found)), number

        def moved(number):
            assert self.rows(s3) == [1, 2, 3], number
            assert self.rows(s3, "out_quarantine/execution_id=exec-1/") == [98, 99], number

        self.fill(bucket)
        points = self.ended_everywhere(bucket, s3, monkeypatch, lambda: self.moved(tmp_path), whole, moved)
        # The list, two objects, the manifest, the list again, and two objects aside.
        assert points == 7

    def test_an_object_that_was_written_anew_is_not_overwritten(self, bucket, s3, tmp_path, monkeypatch):
        self.fill(bucket)
        with monkeypatch.context() as patch:
            # The list of what is to be published stands, and nothing is published.
            end_at(patch, 2)
            with pytest.raises(Ended):
                self.moved(tmp_path)
        bucket("out/day=2024-01-01/a.parquet", [{"x": 4}])
        self.moved(tmp_path, execution_id="exec-2")
        assert self.rows(s3) == [2, 3, 4]

    def test_rows_of_a_source_are_copied_and_a_clean_copy_is_made(self, bucket, s3, tmp_path):
        self.fill(bucket)
        rule = {**RANGE["accuracy_rules"][0], "dataset": "raw"}
        job = job_with(
            {"accuracy_rules": [rule]},
            target=None,
            sources=[{"name": "raw", "source_type": "s3", "path": "s3://lake/out/"}],
        )
        settings = GlobalSettings.model_validate({"artifacts": {"s3_uri": "s3://lake/artifacts"}})
        config = Config(path=tmp_path / "etl_config.json", jobs=(job,), settings=settings, profile="aws")
        done = quarantine(config, job, "raw", "run-1")
        assert done is not None
        assert done.clean_copy == "s3://lake/artifacts/quarantine/orders/raw/_clean/run-1"
        assert self.rows(s3) == [1, 2, 3, 98, 99]
        clean = [key for key in self.keys(s3) if "/_clean/run-1/" in key]
        assert [key.partition("run-1/")[2] for key in clean] == [
            "day=2024-01-01/a.parquet",
            "day=2024-01-01/b.parquet",
            "day=2024-01-02/c.parquet",
        ]
        assert self.rows(s3, "artifacts/quarantine/orders/raw/execution_id=run-1/") == [98, 99]

    def test_text_files_move_as_on_this_machine(self, bucket, s3, tmp_path):
        bucket("out/a.csv", b"x,s\n1,a\n99,b\n7.50,\n")
        target = {"type": "s3", "path": "s3://lake/out/", "format": "csv"}
        done = self.moved(tmp_path, target=target)
        assert done is not None and (done.published, done.quarantined) == (2, 1)
        body = s3.get_object(Bucket="lake", Key="out/a.csv")["Body"].read()
        assert body == b"x,s\n1,a\n7.50,\n"

    def test_what_lies_there_is_listed_and_shown(self, bucket, s3, tmp_path):
        self.fill(bucket)
        self.moved(tmp_path)
        job = job_with(RANGE)
        config = config_of(tmp_path, job)
        assert [(each.execution_id, each.quarantined) for each in list_quarantine(config, job)] == [
            ("exec-1", 2)
        ]
        assert sorted(row["x"] for row in show_quarantine(config, job, "exec-1")) == [98, 99]


class TestReplay(OnS3):
    """Mended rows go back into their target."""

    def quarantined(self, bucket, folder):
        self.fill(bucket)
        assert self.moved(folder) is not None

    def mend(self, bucket, s3, values):
        key = "out_quarantine/execution_id=exec-1/rows.parquet"
        table = pq.ParquetFile(BytesIO(s3.get_object(Bucket="lake", Key=key)["Body"].read())).read()
        bucket(key, table.set_column(table.column_names.index("x"), "x", pa.array(values)))

    def replayed(self, folder, kind="parquet"):
        job = job_with(RANGE, target={"type": "s3", "path": "s3://lake/out/", "format": kind})
        return replay(config_of(folder, job), job, "exec-1")

    def test_mended_rows_go_back_into_their_folder_and_the_others_stay(self, bucket, s3, tmp_path):
        self.quarantined(bucket, tmp_path)
        self.mend(bucket, s3, [5, 98])
        done = self.replayed(tmp_path)
        assert (done.rows, done.back, done.staying) == (2, 1, 1)
        assert self.rows(s3, "out/day=2024-01-01/") == [1, 2, 5]
        assert self.rows(s3, "out_quarantine/execution_id=exec-1/") == [98]
        self.nothing_aside(s3)
        again = self.replayed(tmp_path)
        assert (again.rows, again.back, again.staying) == (1, 0, 1)
        assert self.rows(s3) == [1, 2, 3, 5]

    def test_a_process_that_ends_at_any_change_puts_no_row_back_twice(
        self, bucket, s3, tmp_path, monkeypatch
    ):
        def whole(number):
            found = self.rows(s3)
            assert found in ([1, 2, 3], [1, 2, 3, 5]), number
            kept = self.rows(s3, "out_quarantine/execution_id=exec-1/")
            assert {*found, *kept} == {1, 2, 3, 5, 98}, number

        def replayed(number):
            assert self.rows(s3) == [1, 2, 3, 5], number
            assert self.rows(s3, "out_quarantine/execution_id=exec-1/") == [98], number

        self.quarantined(bucket, tmp_path)
        self.mend(bucket, s3, [5, 98])
        done = []
        points = self.ended_everywhere(
            bucket, s3, monkeypatch, lambda: done.append(self.replayed(tmp_path)), whole, replayed
        )
        # The list, the file, the rows that stay, the manifest, the list again, and two objects aside.
        assert points == 7
        assert [(each.rows, each.back, each.staying) for each in done] == [(2, 1, 1)]

    def test_whoever_finishes_a_replay_tells_what_came_of_it(self, bucket, s3, tmp_path, monkeypatch):
        self.quarantined(bucket, tmp_path)
        self.mend(bucket, s3, [5, 98])
        with monkeypatch.context() as patch, pytest.raises(Ended):
            end_at(patch, 2)
            self.replayed(tmp_path)
        done = self.replayed(tmp_path)
        assert (done.rows, done.back, done.staying) == (2, 1, 1)
        assert self.rows(s3) == [1, 2, 3, 5]

    def test_rows_that_are_mended_meanwhile_are_not_lost(self, bucket, s3, tmp_path, monkeypatch):
        self.quarantined(bucket, tmp_path)
        self.mend(bucket, s3, [5, 98])
        stage = S3Shelf.stage_target

        def mended_again(shelf, *arguments):
            self.mend(bucket, s3, [6, 7])
            return stage(shelf, *arguments)

        with monkeypatch.context() as patch, pytest.raises(QuarantineError, match="written to meanwhile"):
            patch.setattr(S3Shelf, "stage_target", mended_again)
            self.replayed(tmp_path)
        assert self.rows(s3) == [1, 2, 3]
        assert self.rows(s3, "out_quarantine/execution_id=exec-1/") == [6, 7]
        self.nothing_aside(s3)

    @pytest.mark.parametrize("kind", ["csv", "json", "orc"])
    def test_rows_go_back_in_the_format_of_the_target(self, kind, bucket, s3, tmp_path):
        table = pa.table({"k": [1, 2, 3], "x": [1, 99, 98]})
        buffer = BytesIO()
        orc.write_table(table, buffer)
        content = {
            "csv": b"k|x\n1|1\n2|99\n3|98\n",
            "json": "\n".join(map(json.dumps, table.to_pylist())).encode(),
            "orc": buffer.getvalue(),
        }
        bucket(f"out/day=2024-01-01/a.{kind}", content[kind])
        target = {"type": "s3", "path": "s3://lake/out/", "format": kind}
        assert self.moved(tmp_path, target=target) is not None
        self.mend(bucket, s3, [5, 98])
        assert self.replayed(tmp_path, kind).back == 1
        job = job_with({"accuracy_rules": [ONE_OR_FIVE]}, target=target)
        (result,) = evaluate(config_of(tmp_path, job), job, "target", engine="local").results
        assert (result.rows_checked, result.rows_failed, result.error) == (2, 0, None)
        (added,) = [key for key in self.keys(s3) if key.startswith("out/") and "replayed" in key]
        assert added.startswith("out/day=2024-01-01/replayed-exec-1-") and added.endswith(f".{kind}")


ONE_OR_FIVE = {"field": "x", "rule_type": "allowed_values", "values": [1, 5]}
