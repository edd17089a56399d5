"""How long a run will take: what its physics says, corrected by the runs of the job so far.

The logarithm of the runtime is the logarithm of a physical estimate plus a Gaussian process with a linear
trend. The priors below say what is known of data jobs before any run. They are rough on purpose.

What a cold start cannot know are hypotheses: whether the job's work is heavier or lighter beside its start
than estimated, how much of it more cores speed up, and whether Spark's driver takes a node from it. Each
counts by how probable it makes the runs (Bayesian model averaging: Hoeting, Madigan, Raftery, Volinsky,
Statistical Science 1999).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from itertools import product
from math import exp, log
from typing import TYPE_CHECKING, Any

from etl_platform.decide.gaussian_process import GaussianProcess, Prior
from etl_platform.decide.run_features import SIZE_COLUMNS, Encoder, RunShape

if TYPE_CHECKING:
    from numpy import ndarray

HEAVINESS = (0.25, 1.0, 4.0)
"""How many times as long as estimated the work may take, beside a start that takes what it takes."""

DRIVER_NODES = (0.0, 1.0)
"""Nodes that a driver within the cluster keeps from the work: none, or one, as where its container fills a
node. Two nodes are then one, and four are three."""

LEAST_NODES = 0.5
"""What is left to work with where the driver has the only node."""

SERIAL_SHARES = (0.0, 0.4)
"""Share of the work at REFERENCE_CORES that more cores do not speed up (Amdahl's law)."""

REFERENCE_CORES = 16

OFFSET = 0.5
"""Standard deviation of log seconds about the estimate; with the curves and machines below, nine first runs
in ten are within a factor of six."""

DATA_SLOPE, CORES_SLOPE, OTHER_SLOPE = 0.3, 0.25, 0.3
"""Standard deviations of the powers of data, cores and other features about those of the physics."""

SHARE_SLOPE = 0.6
"""The same of a share: from none to all it may well double the time."""

PRESSURE_SLOPE = 0.05
"""The same of data per memory, which is a power of other columns already: what counts is where it bends, as
where the data no longer fit and are spilled."""

REACH = 3.0
"""Logarithm of how far from its runs a job's own slopes go on: a factor of twenty. Beyond that the physics
goes on alone, since what megabytes took says little of how terabytes scale."""

STEEPNESS = (1.0, 0.5)
"""Median, and standard deviation of the logarithm, of a factor of all slopes: some jobs defy the physics."""

SMOOTH_LENGTH = (1.2, 0.3)
"""The same of the length over which curves of data and cores bend. A short one would let one slow run pass
for a dent in a curve that, by physics, only rises or only falls."""

LENGTH = (1.0, 0.7)
TOGETHER = (0.3, 0.8)
ALONE = (0.3, 0.8)
MACHINE = (0.35, 0.7)
NOISE = (0.03, 0.5)
"""The same of each other learned size: curves bend over a factor of three, kinds of machine differ by a
third, repeats of one run by a few percent."""

KINSHIP = 0.8
"""How alike the curves of two kinds of machine are; memory and cores of a node are columns of their own."""

TAILS = 3.0
"""Degrees of freedom of the noise: a run in some dozens is slow for no reason of its own."""

DOUBT_TAILS = 10.0
"""Degrees of freedom of what the runs leave open, because the learned sizes are not known either."""


@dataclass(frozen=True)
class Prediction:
    """The runtime of one run: its logarithm is distributed as Student's t.

    Attributes:
        seconds: The median.
        spread: Scale of the logarithm, noise included.
        tails: Degrees of freedom.
    """

    seconds: float
    spread: float
    tails: float

    def quantile(self, share: float) -> float:
        """Seconds that such a share of runs stays under."""
        return exp(log(self.seconds) + self.spread * _student_quantile(self.tails, share))

    def probability_within(self, seconds: float) -> float:
        """Probability that the run takes at most so long."""
        from scipy.special import stdtr

        return float(stdtr(self.tails, (log(seconds) - log(self.seconds)) / self.spread))


@cache
def _student_quantile(tails: float, share: float) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(tails, share))


@dataclass(frozen=True)
class _Hypothesis:
    """How a run's estimated seconds are to be read.

    Attributes:
        heaviness: The work takes so many times as long.
        driver: Nodes that a driver within the cluster keeps from it.
        serial: Share that more cores do not speed up.
    """

    heaviness: float
    driver: float
    serial: float

    def logarithms(self, runs: Sequence[RunShape]) -> "ndarray":
        # Log seconds of each run.
        import numpy as np

        lost = np.array([self.driver if one.hosts_driver else 0.0 for one in runs])
        nodes = np.array([one.nodes for one in runs])
        slower = nodes / np.minimum(np.maximum(nodes - lost, LEAST_NODES), nodes)
        cores = np.array([one.cores for one in runs])
        work = np.array([one.work_seconds for one in runs])
        work = work * ((1 - self.serial) * slower + self.serial * cores / REFERENCE_CORES)
        return np.log(np.array([one.start_seconds for one in runs]) + self.heaviness * work)


PRESSURE = ("data", "cores", "memory per core")
"""The columns whose logarithms make that of data per memory."""

AS_ESTIMATED = (_Hypothesis(1.0, 0.0, 0.0),)
HYPOTHESES = tuple(_Hypothesis(*one) for one in product(HEAVINESS, DRIVER_NODES, SERIAL_SHARES))


class RuntimeModel:
    """The runtime of a job, learned from its own runs; without any, what was estimated.

    The same runs always give the same answers.
    """

    def __init__(self, process: GaussianProcess, hypotheses: Sequence[_Hypothesis], encoder: Encoder):
        self._process = process
        self._hypotheses = hypotheses
        self._encoder = encoder

    @classmethod
    def fit(cls, runs: Sequence[RunShape], seconds: Sequence[float]) -> "RuntimeModel":
        """Learn from past runs.

        Args:
            runs: What the runs were.
            seconds: How long each took; above 0.

        Raises:
            ValueError: A run has no time, or one that is not above 0.
        """
        import numpy as np

        if len(runs) != len(seconds) or min(seconds, default=1) <= 0:
            raise ValueError("the model needs a time above 0 of each run")
        encoder = Encoder(runs)
        further = encoder.columns[2:]
        others = [SHARE_SLOPE if name in encoder.shares else OTHER_SLOPE for name in further]
        prior = Prior(
            offset=OFFSET,
            slopes=[DATA_SLOPE, CORES_SLOPE, *others, PRESSURE_SLOPE],
            reach=REACH,
            steepness=STEEPNESS,
            lengths=[SMOOTH_LENGTH, SMOOTH_LENGTH, *[LENGTH] * len(further), LENGTH],
            joins=[*[True] * len(encoder.columns), False],
            together=TOGETHER,
            alone=ALONE,
            group=MACHINE,
            noise=NOISE,
            kinship=KINSHIP,
            tails=TAILS,
        )
        hypotheses = HYPOTHESES if runs else AS_ESTIMATED
        times = np.log(np.asarray(seconds, float))
        targets = np.column_stack([times - one.logarithms(runs) for one in hypotheses])
        # Threads cost more than they give on matrices as small as a job's history.
        with _threads().limit(limits=1, user_api="blas"):
            process = GaussianProcess(prior, _matrix(encoder, runs), targets)
        return cls(process, hypotheses, encoder)

    def predict(self, runs: Sequence[RunShape]) -> list[Prediction]:
        """How long each of some runs will take."""
        import numpy as np

        if not runs:
            return []
        means, mean, doubt = self._answers(runs)
        shares = self._process.probabilities
        doubt = doubt + (means - mean[:, None]) ** 2 @ shares
        noise = self._process.noise**2
        spread = np.sqrt(doubt + noise)
        tails = (doubt + noise) / (doubt / DOUBT_TAILS + noise / TAILS)
        # In tenths, so that quantiles are looked up and not computed.
        tails = np.round(tails, 1)
        return [
            Prediction(*(float(value) for value in row))
            for row in zip(np.exp(mean), spread, tails, strict=True)
        ]

    def joint_errors(self, runs: Sequence[RunShape]) -> "ndarray":
        """Covariance of the errors of the logarithms of some runs' expected seconds, noise left out.

        It tells whether an error of one run is one of another too, such as data that is harder than usual.
        """
        means, mean, _ = self._answers(runs)
        apart = means - mean[:, None]
        covariance = self._process.covariance(_matrix(self._encoder, runs))
        return covariance + (apart * self._process.probabilities) @ apart.T

    def _answers(self, runs: Sequence[RunShape]) -> tuple["ndarray", "ndarray", "ndarray"]:
        # Of each run: mean under each hypothesis, mean, and variance about the hypotheses' means.
        import numpy as np

        means, variances = self._process.predict(_matrix(self._encoder, runs))
        means = means + np.column_stack([one.logarithms(runs) for one in self._hypotheses])
        return means, means @ self._process.probabilities, variances


def _matrix(encoder: Encoder, runs: Sequence[RunShape]) -> "ndarray":
    # The encoded runs with data per memory as one column more, before the machine.
    import numpy as np

    encoded = encoder.encode(runs)
    data, cores, memory_per_core = (encoded[:, SIZE_COLUMNS.index(name)] for name in PRESSURE)
    return np.insert(encoded, -1, data - cores - memory_per_core, axis=1)


@cache
def _threads() -> Any:
    """The libraries that compute in threads; to look for them takes longer than a small fit."""
    from threadpoolctl import ThreadpoolController

    # numpy and scipy bring libraries of their own, which are not seen before they are loaded.
    import_module("scipy.linalg")
    return ThreadpoolController()
