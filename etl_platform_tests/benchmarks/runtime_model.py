"""How well the runtime model predicts, and what a wrong prediction costs, on files of measured runs.

`python -m etl_platform_tests.benchmarks.runtime_model [DIR] [--format json] [--splits N] [--protocol …]`

Each `*.tsv` file of the folder holds the runs of one job: `instance_count`, `machine_type`, `slots` (vCPU in
all), `memory` (MB in all), `data_size_MB`, any further features, and `gross_runtime` (seconds). Of each file
so many random runs are learned from; the error is measured on all others. All models see the same splits.

Protocols: with `medians` a run is a configuration, whose repetitions count as their median, so that what is
predicted was never seen, and no model is blamed for one slow repetition. This is what reproduces the figures
of the first trial of Gaussian processes, gradient boosting and Ernest on sort and grep. With `runs` each
repetition is a run of its own: noisier, and repetitions of what was learned are among what is predicted.

Regret: for each input of the file (its data size and further features) and each of three deadlines, the
cheapest cluster that meets the deadline is chosen, by the model as `plan` ranks (`decide.ranking`) and by an
oracle that knows the median of every cluster; regret is how much more the choice costs than the oracle's. The
deadlines are the 25th, 50th and 75th percentile of the clusters' medians for that input. A choice that misses
its deadline is counted apart, and to its cost that of the oracle's cluster is added, which then has to do the
work.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, Protocol, get_args
from warnings import catch_warnings, simplefilter

import click
import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table
from sklearn.exceptions import ConvergenceWarning

from etl_platform.decide.cold_start import Work
from etl_platform.decide.options import Figures, estimated
from etl_platform.decide.ranking import CERTAINTY, Goal, best_of, score
from etl_platform.decide.run_features import Encoder, RunShape
from etl_platform.decide.runtime_model import RuntimeModel
from etl_platform.decide.size import Size
from etl_platform.pricing.book import open_book

MEASURED = Path(__file__).parents[3] / "shared" / "data" / "c3o"
"""Runs of the C3O experiments, where they are at hand; they are no part of the repository."""

SIZES = (5, 10, 20, 40)
DEADLINES = (0.25, 0.5, 0.75)
Protocols = Literal["medians", "runs"]
BASE = ("instance_count", "machine_type", "slots", "memory", "data_size_MB", "gross_runtime")


class Forecaster(Protocol):
    """What is compared."""

    def fit(self, runs: Sequence[RunShape], seconds: np.ndarray) -> None:
        """Learn from runs."""
        ...

    def predict(self, runs: Sequence[RunShape]) -> np.ndarray:
        """Expected seconds."""
        ...

    def on_time(self, runs: Sequence[RunShape], deadline: float) -> np.ndarray:
        """Probability that each run meets a deadline."""
        ...


class Model:
    """The runtime model of this project, as `plan` uses it."""

    def fit(self, runs: Sequence[RunShape], seconds: np.ndarray) -> None:
        self._model = RuntimeModel.fit(runs, seconds.tolist())

    def predict(self, runs: Sequence[RunShape]) -> np.ndarray:
        return np.array([one.seconds for one in self._model.predict(runs)])

    def on_time(self, runs: Sequence[RunShape], deadline: float) -> np.ndarray:
        return np.array([one.probability_within(deadline) for one in self._model.predict(runs)])

    def spans(self, runs: Sequence[RunShape], share: float) -> tuple[np.ndarray, np.ndarray]:
        """The central intervals that hold such a share of runs."""
        answers = self._model.predict(runs)
        low, high = (1 - share) / 2, (1 + share) / 2
        return np.array([one.quantile(low) for one in answers]), np.array(
            [one.quantile(high) for one in answers]
        )


class Certain:
    """A model that knows no doubt: in time or not, and then the less late the better."""

    def predict(self, runs: Sequence[RunShape]) -> np.ndarray:
        raise NotImplementedError

    def on_time(self, runs: Sequence[RunShape], deadline: float) -> np.ndarray:
        expected = self.predict(runs)
        return np.where(expected <= deadline, 1.0, CERTAINTY * deadline / np.maximum(expected, deadline + 1))


class Boosting(Certain):
    """Gradient boosting of the logarithm, on the same features."""

    def fit(self, runs: Sequence[RunShape], seconds: np.ndarray) -> None:
        from sklearn.ensemble import GradientBoostingRegressor

        self._encoder = Encoder(runs)
        self._model = GradientBoostingRegressor(random_state=0).fit(
            _one_hot(self._encoder, runs), np.log(seconds)
        )

    def predict(self, runs: Sequence[RunShape]) -> np.ndarray:
        return np.exp(self._model.predict(_one_hot(self._encoder, runs)))


class PlainProcess:
    """Gaussian process regression of the logarithm about a linear trend, without physics or priors."""

    def fit(self, runs: Sequence[RunShape], seconds: np.ndarray) -> None:
        from sklearn.gaussian_process import GaussianProcessRegressor
        from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
        from sklearn.linear_model import Ridge
        from sklearn.preprocessing import StandardScaler

        self._encoder = Encoder(runs)
        matrix, times = _one_hot(self._encoder, runs), np.log(seconds)
        self._scaler = StandardScaler().fit(matrix)
        matrix = np.asarray(self._scaler.transform(matrix))
        self._trend = Ridge(0.1).fit(matrix, times)
        kernel = ConstantKernel(0.1, (1e-4, 1e2)) * RBF([1.0] * matrix.shape[1], (0.1, 100))
        self._process = GaussianProcessRegressor(kernel + WhiteKernel(0.01), random_state=0)
        with catch_warnings():
            simplefilter("ignore", ConvergenceWarning)
            self._process.fit(matrix, times - self._trend.predict(matrix))

    def predict(self, runs: Sequence[RunShape]) -> np.ndarray:
        return np.exp(self._answers(runs)[0])

    def on_time(self, runs: Sequence[RunShape], deadline: float) -> np.ndarray:
        from scipy.special import ndtr

        mean, spread = self._answers(runs)
        return ndtr((np.log(deadline) - mean) / spread)

    def _answers(self, runs: Sequence[RunShape]) -> tuple[np.ndarray, np.ndarray]:
        matrix = np.asarray(self._scaler.transform(_one_hot(self._encoder, runs)))
        mean, spread = (np.asarray(one) for one in self._process.predict(matrix, return_std=True))
        return mean + self._trend.predict(matrix), spread


def _one_hot(encoder: Encoder, runs: Sequence[RunShape]) -> np.ndarray:
    matrix = encoder.encode(runs)
    return np.hstack([matrix[:, :-1], matrix[:, -1:] == np.arange(len(encoder.machines))])


class Ernest(Certain):
    """Non-negative least squares on 1, data/machines, log machines, machines (Venkataraman, NSDI 2016)."""

    def fit(self, runs: Sequence[RunShape], seconds: np.ndarray) -> None:
        from scipy.optimize import nnls

        self._weights, _ = nnls(self._terms(runs), seconds)

    def predict(self, runs: Sequence[RunShape]) -> np.ndarray:
        return np.maximum(self._terms(runs) @ self._weights, 1.0)

    @staticmethod
    def _terms(runs: Sequence[RunShape]) -> np.ndarray:
        data = np.array([one.data_gb for one in runs])
        machines = np.array([one.nodes for one in runs])
        return np.column_stack([np.ones(len(runs)), data / machines, np.log(machines), machines])


MODELS: dict[str, Callable[[], Forecaster]] = {
    "runtime model": Model,
    "plain process": PlainProcess,
    "gradient boosting": Boosting,
    "Ernest": Ernest,
}


@dataclass(frozen=True)
class Score:
    """One model on one file after so many runs; means over the splits.

    Attributes:
        error_percent: Mean absolute percentage error.
        regret_percent: Cost above the oracle's.
        missed_percent: Choices that miss their deadline.
        inside_80_percent: Runs inside the model's 80 % interval; None for models without one.
        inside_95_percent: The same of its 95 % interval.
    """

    file: str
    model: str
    runs: int
    splits: int
    error_percent: float | None
    regret_percent: float | None
    missed_percent: float | None
    inside_80_percent: float | None
    inside_95_percent: float | None


def read_runs(path: Path, protocol: Protocols = "runs") -> tuple[list[RunShape], np.ndarray]:
    """The runs of a file, and their seconds."""
    table = pd.read_csv(path, sep="\t")
    missing = [column for column in BASE if column not in table]
    if missing:
        raise click.ClickException(f"{path}: no column {', '.join(missing)}")
    further = [column for column in table.columns if column not in BASE]
    if protocol == "medians":
        configuration = [*BASE[:-1], *further]
        table = table.groupby(configuration, sort=False, dropna=False, as_index=False).gross_runtime.median()
    shapes = [
        replace(_shape(row), extra={column: row[column] for column in further})
        for row in table.to_dict("records")
    ]
    return shapes, table["gross_runtime"].to_numpy(float)


def _shape(row: dict[str, Any]) -> RunShape:
    # As `plan` has it of a job of which nothing is known, on a cluster of EMR that runs.
    size = Size(
        platform="emr",
        label="",
        machine=row["machine_type"],
        nodes=row["instance_count"],
        cores=row["slots"],
        memory_gb=row["memory"] / 1024,
    )
    data_gb = row["data_size_MB"] / 1024
    return estimated(size, Work(data_gb, 0.0, 0, "moderate"), running_cluster=True)


def hour_usd(shapes: Sequence[RunShape]) -> np.ndarray:
    """Dollars of an hour of each cluster: by EC2 prices, or by Fargate's where the book lacks a machine."""
    book = open_book()
    prices = {one.machine: book.price(f"ec2.{one.machine}.instance_hour") for one in shapes}
    if all(prices.values()):
        return np.array([float(price.usd) * one.nodes for one in shapes if (price := prices[one.machine])])
    vcpu, memory = book.prices["fargate.x86.vcpu_second"].usd, book.prices["fargate.x86.memory_gb_second"].usd
    return np.array([3600 * (float(vcpu) * one.cores + float(memory) * one.memory_gb) for one in shapes])


@dataclass(frozen=True)
class _Choice:
    """One input of a job: clusters that were measured with it, their median seconds and dollars an hour."""

    clusters: list[RunShape]
    seconds: np.ndarray
    rates: np.ndarray


def choices(shapes: Sequence[RunShape], seconds: np.ndarray) -> list[_Choice]:
    """What can be chosen among, for each input that ran on three clusters at least."""
    measured: dict[tuple, dict[RunShape | tuple, list[float]]] = {}
    by_key: dict[tuple, RunShape] = {}
    for one, time in zip(shapes, seconds, strict=True):
        # A figure that is missing equals nothing, not even itself.
        given = (
            one.data_gb,
            *((name, None if pd.isna(value) else value) for name, value in one.extra.items()),
        )
        cluster = (one.machine, one.nodes, one.cores, one.memory_gb)
        by_key[given, cluster] = one
        measured.setdefault(given, {}).setdefault(cluster, []).append(time)
    found = []
    for given, clusters in measured.items():
        if len(clusters) >= 3:
            runs = [by_key[given, cluster] for cluster in clusters]
            medians = np.array([np.median(times) for times in clusters.values()])
            found.append(_Choice(runs, medians, hour_usd(runs)))
    return found


def regret(model: Forecaster, among: Sequence[_Choice]) -> tuple[float | None, float | None]:
    """Mean cost above the oracle's, and share of missed deadlines, in percent."""
    over, missed = [], []
    for one in among:
        expected = model.predict(one.clusters)
        usd = one.seconds * one.rates
        for share in DEADLINES:
            deadline = float(np.quantile(one.seconds, share))
            best = usd[one.seconds <= deadline].min()
            goal = Goal("cost", deadline, budget_usd=None)
            chances = model.on_time(one.clusters, deadline)
            scores = [
                score(goal, Figures(seconds=seconds, on_time=chance, usd=seconds * rate), charged=True)
                for seconds, chance, rate in zip(expected, chances, one.rates, strict=True)
            ]
            pick = best_of(goal, scores)[0]
            late = bool(one.seconds[pick] > deadline)
            missed.append(late)
            over.append((usd[pick] + (best if late else 0)) / best - 1)
    return (100 * float(np.mean(over)), 100 * float(np.mean(missed))) if over else (None, None)


def evaluate(path: Path, splits: int, protocol: Protocols) -> list[Score]:
    """All models on one file."""
    shapes, seconds = read_runs(path, protocol)
    among = choices(shapes, seconds)
    scores = []
    for size in SIZES:
        if size + 10 > len(shapes):
            continue
        results: dict[str, list[tuple]] = {name: [] for name in MODELS}
        for split in range(splits):
            order = np.random.default_rng([size, split]).permutation(len(shapes))
            train, test = order[:size], order[size:]
            for name, make in MODELS.items():
                model = make()
                model.fit([shapes[n] for n in train], seconds[train])
                held = [shapes[n] for n in test]
                expected = model.predict(held)
                error = 100 * float(np.mean(np.abs(expected / seconds[test] - 1)))
                inside = [_inside(model, held, seconds[test], share) for share in (0.8, 0.95)]
                results[name].append((error, *regret(model, among), *inside))
        scores += [
            Score(path.stem, name, size, splits, *(_mean([row[n] for row in rows]) for n in range(5)))
            for name, rows in results.items()
        ]
    return scores


def _inside(model: Forecaster, runs: Sequence[RunShape], seconds: np.ndarray, share: float) -> float | None:
    if not isinstance(model, Model):
        return None
    low, high = model.spans(runs, share)
    return 100 * float(np.mean((low <= seconds) & (seconds <= high)))


def _mean(values: Sequence[float | None]):
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


@click.command()
@click.argument("folder", required=False, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--format", "output_format", type=click.Choice(["table", "json"]), default="table")
@click.option("--splits", default=10, show_default=True, help="Random splits to average over.")
@click.option("--protocol", type=click.Choice(get_args(Protocols)), default="medians", show_default=True)
def main(folder: Path | None, output_format: str, splits: int, protocol: Protocols) -> None:
    """Compare runtime models on the .tsv files of a folder; absent: of the data beside the repository."""
    if folder is None and not MEASURED.is_dir():
        click.echo(
            f"  left out: there is no folder {MEASURED}; name one with measured runs, as the module says"
        )
        return
    folder = folder or MEASURED
    files = sorted(folder.glob("*.tsv"))
    if not files:
        raise click.ClickException(f"{folder}: no .tsv file")
    scores = [found for path in files for found in evaluate(path, splits, protocol)]
    if output_format == "json":
        click.echo(json.dumps([asdict(one) for one in scores], indent=2))
        return
    table = Table(title=f"{protocol}; mean over {splits} random splits")
    for column in ("file", "runs", "model", "error %", "regret %", "missed %", "in 80 %", "in 95 %"):
        table.add_column(column, justify="left" if column in ("file", "model") else "right")
    for one in scores:
        figures = (
            one.error_percent,
            one.regret_percent,
            one.missed_percent,
            one.inside_80_percent,
            one.inside_95_percent,
        )
        shown = ["–" if figure is None else f"{figure:.1f}" for figure in figures]
        table.add_row(one.file, str(one.runs), one.model, *shown)
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
