"""The benchmark of the runtime model, on a small file of simulated runs."""

import json

import numpy as np
import pandas as pd
from click.testing import CliRunner

from etl_platform_tests.benchmarks import runtime_model
from etl_platform_tests.benchmarks.runtime_model import MODELS, Certain, choices, main, read_runs, regret


def simulated(path, seed=0):
    random = np.random.default_rng(seed)
    rows = [
        {
            "instance_count": nodes,
            "machine_type": machine,
            "slots": nodes * 8,
            "memory": nodes * memory,
            "data_size_MB": data,
            "rounds": rounds,
            "mode": mode,
            "gross_runtime": (30 + data * rounds / nodes / 200)
            * (1.4 if mode == "wide" else 1)
            * random.normal(1, 0.02),
        }
        for machine, memory in (("m4.2xlarge", 32000), ("r4.2xlarge", 61000))
        for nodes in (2, 4, 8)
        for data in (5000, 20000)
        for rounds in (3, 9)
        for mode in ("narrow", "wide")
    ]
    pd.DataFrame(rows).to_csv(path, sep="\t", index=False)


def test_prints_one_score_for_each_file_model_and_number_of_runs(tmp_path):
    simulated(tmp_path / "rank.tsv")
    answer = CliRunner().invoke(main, [str(tmp_path), "--format", "json", "--splits", "1"])
    assert answer.exit_code == 0, answer.output
    scores = json.loads(answer.output)
    assert [(one["model"], one["runs"]) for one in scores] == [
        (model, runs) for runs in (5, 10, 20) for model in MODELS
    ]
    after_20 = {one["model"]: one["error_percent"] for one in scores if one["runs"] == 20}
    assert after_20["runtime model"] < after_20["gradient boosting"]


def test_repetitions_of_a_configuration_may_count_as_their_median(tmp_path):
    simulated(tmp_path / "rank.tsv")
    table = pd.read_csv(tmp_path / "rank.tsv", sep="\t")
    slow = table.assign(gross_runtime=table.gross_runtime * 5)
    pd.concat([table, table, slow]).to_csv(tmp_path / "rank.tsv", sep="\t", index=False)
    shapes, seconds = read_runs(tmp_path / "rank.tsv", "medians")
    assert seconds.tolist() == table.gross_runtime.tolist()
    assert [one.extra["mode"] for one in shapes] == table["mode"].tolist()


class Oracle(Certain):
    """Knows the median runtime of every cluster."""

    def __init__(self, among):
        self.known = {
            id(run): time for one in among for run, time in zip(one.clusters, one.seconds, strict=True)
        }

    def fit(self, runs, seconds):
        return

    def predict(self, runs):
        return np.array([self.known[id(run)] for run in runs])


def test_an_oracle_has_no_regret(tmp_path):
    simulated(tmp_path / "rank.tsv")
    among = choices(*read_runs(tmp_path / "rank.tsv"))
    assert regret(Oracle(among), among) == (0.0, 0.0)


def test_a_feature_that_is_missing_everywhere_keeps_no_input_apart(tmp_path):
    simulated(tmp_path / "rank.tsv")
    table = pd.read_csv(tmp_path / "rank.tsv", sep="\t")
    table.assign(unknown=np.nan).to_csv(tmp_path / "gaps.tsv", sep="\t", index=False)
    known, gaps = (choices(*read_runs(tmp_path / name)) for name in ("rank.tsv", "gaps.tsv"))
    assert [len(one.clusters) for one in gaps] == [len(one.clusters) for one in known]


def test_without_measured_runs_it_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(runtime_model, "MEASURED", tmp_path / "absent")
    answer = CliRunner().invoke(main, [])
    assert answer.exit_code == 0
    assert "left out: there is no folder" in answer.output
