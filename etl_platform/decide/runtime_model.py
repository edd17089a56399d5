"""How long a run will take: what its physics says, corrected by the runs of the job so far.

The logarithm of the runtime is the logarithm of a physical estimate plus a Gaussian process with a linear
trend. The priors below say what is known of data jobs before any run: time grows with data, falls with cores
until the serial part is left, depends smoothly on everything else. They are rough on purpose.

Several experts are asked: one for each share of parallel work, and a free one that doubts the physics. They
are stacked (Yao, Vehtari, Simpson, Gelman, "Using stacking to average Bayesian predictive distributions",
2018): each counts as much as it helps to predict every run from the others.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from math import exp, log
from typing import TYPE_CHECKING, Any

from etl_platform.decide.gaussian_process import GaussianProcess, Prior
from etl_platform.decide.run_features import Encoder, RunShape

if TYPE_CHECKING:
    from numpy import ndarray

DATA_POWER = 0.9
"""Runtime grows a little slower than the data, because a part of it, such as the start, does not grow."""

PARALLEL_SHARES = (0.35, 0.73, 0.93)
"""Share of the work that more cores speed up, at REFERENCE_CORES (Amdahl's law); an expert for each."""

DRIVER_NODES = (0.0, 1.0)
"""Nodes that the driver keeps from the work, with each of these shares: none, or one, as where Spark's driver
runs in the cluster and its container fills a node. Two nodes are then one, and four are three."""

LEAST_NODES = 0.5
"""What is left to work with where the driver has the only node."""

REFERENCE_CORES = 16

OFFSET = 2.0
"""Standard deviation of log seconds about the physical estimate: within a factor of 7 two times in three."""

DATA_SLOPE, CORES_SLOPE, OTHER_SLOPE = 0.3, 0.15, 0.3
"""Standard deviations of the powers of data, cores and other features about those of the physics."""

SMOOTH_LENGTH = (1.2, 0.3)
"""Median, and standard deviation of the logarithm, of the length over which curves of data and cores bend.
A short one would let one slow run pass for a dent in a curve that, by physics, only rises or only falls."""

LENGTH = (1.0, 0.7)
TOGETHER = (0.3, 0.8)
ALONE = (0.3, 0.8)
MACHINE = (0.35, 0.7)
NOISE = (0.03, 0.5)
"""The same of each other learned size: curves bend over a factor of three, kinds of machine differ by a
third, repeats of one run by a few percent."""

KINSHIP = 0.5
"""How alike the curves of two kinds of machine are."""

TAILS = 3.0
"""Degrees of freedom of the noise: a run in some dozens is slow for no reason of its own."""

ESTIMATE_OFFSET = 0.5
"""The same about an estimate that knows its seconds; with the curves and machines below, nine first runs in
ten are within a factor of six."""

FREE_SLOPE = 1.0
FREE_LENGTH = (1.0, 1.0)
FREE_TOGETHER = (0.3, 1.5)
"""The slopes, lengths and joint curve of the free expert, to which the runs may say almost anything."""

PRIOR_RUNS = 1.0
"""So many runs speak for each expert beforehand (rule of succession)."""

STACKING_ROUNDS = 100
"""Rounds of expectation maximization; the weights have settled long before."""


@dataclass(frozen=True)
class Prediction:
    """The runtime of one run: its logarithm is distributed as Student's t.

    Attributes:
        seconds: The median.
        spread: Scale of the logarithm, noise included.
    """

    seconds: float
    spread: float

    def quantile(self, share: float) -> float:
        """Seconds that such a share of runs stays under."""
        return exp(log(self.seconds) + self.spread * _student_quantile(share))

    def probability_within(self, seconds: float) -> float:
        """Probability that the run takes at most so long."""
        from scipy.special import stdtr

        return float(stdtr(TAILS, (log(seconds) - log(self.seconds)) / self.spread))


@cache
def _student_quantile(share: float) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(TAILS, share))


@dataclass(frozen=True)
class _Physics:
    """Amdahl's law; `ratio` is parallel to serial work at REFERENCE_CORES, `driver` the nodes it loses."""

    ratio: float
    driver: float

    def logarithms(self, runs: Sequence[RunShape], estimates: Sequence[float] | None) -> "ndarray":
        # Log seconds; without estimates data**power × (serial + parallel ÷ cores), times what is learned.
        import numpy as np

        if estimates is not None:
            return np.log(np.asarray(estimates, float))
        data = np.array([max(one.data_gb, 2.0**-10) for one in runs])
        working = [max(one.nodes - self.driver, LEAST_NODES) / one.nodes for one in runs]
        cores = np.array([one.cores for one in runs]) * np.minimum(working, 1.0)
        return DATA_POWER * np.log(data) + np.log1p(self.ratio * REFERENCE_CORES / cores)


@dataclass(frozen=True)
class _Fit:
    process: GaussianProcess
    law: _Physics
    weight: float


class RuntimeModel:
    """The runtime of a job, learned from its own runs.

    With few runs the priors speak; with estimates none is needed. The same runs always give the same answers.
    """

    def __init__(self, fits: list[_Fit], encoder: Encoder):
        self._fits = fits
        self._encoder = encoder

    @classmethod
    def fit(
        cls, runs: Sequence[RunShape], seconds: Sequence[float], estimates: Sequence[float] | None = None
    ) -> "RuntimeModel":
        """Learn from past runs.

        Args:
            runs: What the runs were.
            seconds: How long each took; above 0.
            estimates: A physical estimate of each run in seconds, which the model then corrects; None takes
                the shape that Amdahl's law gives.

        Raises:
            ValueError: Without estimates fewer than two runs, or times that are not above 0.
        """
        import numpy as np

        if len(runs) != len(seconds) or min(seconds, default=1) <= 0 or (estimates is None and len(runs) < 2):
            raise ValueError("the model needs at least two runs with a time above 0 each")
        encoder = Encoder(runs)
        matrix = encoder.encode(runs)
        times = np.log(np.asarray(seconds, float))
        shapes = [
            _Physics(share / (1 - share), driver) for share in PARALLEL_SHARES for driver in DRIVER_NODES
        ]
        laws = shapes if estimates is None else [_Physics(0.0, 0.0)]
        offset = OFFSET if estimates is None else ESTIMATE_OFFSET
        further = len(encoder.columns) - 2
        slopes = [DATA_SLOPE, CORES_SLOPE, *[OTHER_SLOPE] * further]
        lengths = [SMOOTH_LENGTH, SMOOTH_LENGTH, *[LENGTH] * further]
        bound = Prior(offset, slopes, lengths, TOGETHER, ALONE, MACHINE, NOISE, KINSHIP, TAILS)
        columns = len(encoder.columns)
        free = replace(
            bound,
            slopes=[FREE_SLOPE] * columns,
            lengths=[FREE_LENGTH] * columns,
            together=FREE_TOGETHER,
            kinship=1.0,
        )
        experts = [(bound, law) for law in laws]
        # One run tells nothing of how much to doubt.
        if len(runs) > 1:
            experts.append((free, laws[len(laws) // 2]))
        # Threads cost more than they give on matrices as small as a job's history.
        with _threads().limit(limits=1, user_api="blas"):
            processes = [
                GaussianProcess(prior, matrix, times - law.logarithms(runs, estimates))
                for prior, law in experts
            ]
            weights = _stacked([one.left_out() for one in processes]) if len(processes) > 1 else [1.0]
        fits = [
            _Fit(process, law, float(weight))
            for process, (_, law), weight in zip(processes, experts, weights, strict=True)
        ]
        return cls(fits, encoder)

    def predict(self, runs: Sequence[RunShape], estimates: Sequence[float] | None = None) -> list[Prediction]:
        """How long each of some runs will take.

        Args:
            runs: The runs.
            estimates: Their physical estimates in seconds, where the model was fitted with such.
        """
        import numpy as np

        if not runs:
            return []
        matrix = self._encoder.encode(runs)
        logarithms, variances, weights = self._answers(matrix)
        means = logarithms + [one.law.logarithms(runs, estimates) for one in self._fits]
        mean = (weights * means).sum(0)
        spread = np.sqrt((weights * (variances + (means - mean) ** 2)).sum(0))
        return [
            Prediction(float(seconds), float(scale))
            for seconds, scale in zip(np.exp(mean), spread, strict=True)
        ]

    def joint_errors(self, runs: Sequence[RunShape]) -> "ndarray":
        """Covariance of the errors of the logarithms of some runs' expected seconds, noise left out.

        It tells whether an error of one run is one of another too, such as data that is harder than usual.
        """
        import numpy as np

        matrix = self._encoder.encode(runs)
        _, _, weights = self._answers(matrix)
        roots = np.sqrt(weights)
        covariances = [one.process.covariance(matrix) for one in self._fits]
        return np.sum([np.outer(one, one) * each for one, each in zip(roots, covariances, strict=True)], 0)

    def _answers(self, matrix: "ndarray") -> tuple["ndarray", "ndarray", "ndarray"]:
        # Of each expert and row: mean, variance, and weight. Who doubts more counts less: far from all runs
        # it is the physics that speaks.
        import numpy as np

        answers = [one.process.predict(matrix) for one in self._fits]
        means, spreads = (np.array(one) for one in zip(*answers, strict=True))
        noise = np.array([[one.process.noise] for one in self._fits])
        variances = spreads**2 + noise**2
        weights = np.array([[one.weight] for one in self._fits]) / variances
        return means, variances, weights / weights.sum(0)


def _stacked(left_out: Sequence["ndarray"]) -> "ndarray":
    # The weights under which the mixture best predicts each run from the others, by expectation maximization.
    import numpy as np

    densities = np.exp(left_out - np.max(left_out, axis=0))
    weights = np.full(len(densities), 1 / len(densities))
    for _ in range(STACKING_ROUNDS):
        shares = weights[:, None] * densities
        counts = (shares / shares.sum(0)).sum(1) + PRIOR_RUNS
        weights = counts / counts.sum()
    return weights


@cache
def _threads() -> Any:
    """The libraries that compute in threads; to look for them takes longer than a small fit."""
    from threadpoolctl import ThreadpoolController

    # numpy and scipy bring libraries of their own, which are not seen before they are loaded.
    import_module("scipy.linalg")
    return ThreadpoolController()
