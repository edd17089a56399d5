"""Gaussian process regression under several hypotheses, with prior beliefs and noise that is large at times.

Rasmussen and Williams, "Gaussian Processes for Machine Learning" (2006), chapters 2 and 5. The regressor of
scikit-learn has neither priors of its sizes nor Student's t noise, without which a few runs say too much.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from numpy import ndarray

ROUNDS = 4
"""Rounds by which runs of unusual noise lose weight (expectation maximization of Student's t)."""

TOLERANCE = 1e-5
"""Relative gain at which the search of the sizes ends; a smaller one changes no answer."""

JITTER = 1e-10
"""Added to the variances, so that rounding leaves the covariance positive."""

SIZES = 5
"""Learned sizes before the lengths: curves of single columns, groups, noise, the joint curve, slopes."""


@dataclass(frozen=True)
class Prior:
    """What is believed of a process before its data; sizes that are learned have log-normal priors.

    Attributes:
        offset: Standard deviation of the constant.
        slopes: Standard deviation of the slope of each column.
        reach: How far from the middle of the data slopes go on; beyond it their effect stays what it is.
        steepness: Median, and standard deviation of the logarithm, of a factor of all slopes.
        lengths: The same, of each column, of the length over which its curve bends.
        joins: Whether each column takes part in the joint curve.
        together: The same of the size of the joint curve.
        alone: The same of the size of the curves of single columns.
        group: The same of the size of the groups' offsets.
        noise: The same of the size of the noise.
        kinship: How alike the joint curves of two groups are, 0 to 1.
        tails: Degrees of freedom of the noise.
    """

    offset: float
    slopes: Sequence[float]
    reach: float
    steepness: tuple[float, float]
    lengths: Sequence[tuple[float, float]]
    joins: Sequence[bool]
    together: tuple[float, float]
    alone: tuple[float, float]
    group: tuple[float, float]
    noise: tuple[float, float]
    kinship: float
    tails: float


@dataclass(frozen=True)
class _Pairs:
    """What the covariance of each row of one matrix with each of another depends on."""

    trend: "ndarray"
    squares: "ndarray"
    same: "ndarray"


@dataclass(frozen=True)
class _Parts:
    """A covariance by what it comes from; `squares` are distances in lengths, `each` has a layer a column."""

    squares: "ndarray"
    trend: "ndarray"
    each: "ndarray"
    group: "ndarray"
    joint: "ndarray"


class GaussianProcess:
    """The sum of a constant, a slope of each column, an offset of each group, curves, and noise.

    There is a curve of each column by itself and one of several columns together. The last column of the data
    is the code of the row's group; a code that was not learned is a group of its own.

    It learns what several hypotheses leave to be explained. They share their sizes, and each is as probable
    as it makes the data.

    Attributes:
        probabilities: Of each hypothesis.
        noise: Scale of the noise.
    """

    def __init__(self, prior: Prior, rows: "ndarray", targets: "ndarray"):
        """Learn from rows of columns and a group, and a column of targets for each hypothesis."""
        import numpy as np

        self._prior = prior
        self._centre = np.append(rows[:, :-1].mean(0), 0.0) if len(rows) else None
        self._rows = self._centred(rows) if len(rows) else rows
        self._mean = np.median(targets, 0) if len(rows) else np.zeros(targets.shape[1])
        self._targets = targets - self._mean
        sizes = [prior.alone, prior.group, prior.noise, prior.together, prior.steepness, *prior.lengths]
        self._middle = np.log([median for median, _ in sizes])
        self._width = np.array([width for _, width in sizes])
        self._theta = self._middle
        self._trust = np.ones(len(rows))
        self._pairs = self._compared(self._rows, self._rows)
        self.probabilities = np.full(targets.shape[1], 1 / targets.shape[1])
        # One run tells nothing of how much runs differ.
        for _ in range(ROUNDS if len(rows) > 1 else 0):
            self._fit_sizes()
            self._condition()
        if len(rows) == 1:
            self._condition()
        self.noise = float(np.exp(self._theta[2]))

    def predict(self, rows: "ndarray") -> tuple["ndarray", "ndarray"]:
        """Mean of each row under each hypothesis, and variance of each row without the noise."""
        import numpy as np

        rows = self._centred(rows)
        alone, group, _, together, steepness = np.exp(2 * self._theta[:SIZES])
        slopes = (self._reached(rows) ** 2 * np.square(self._prior.slopes)).sum(1) * steepness
        before = self._prior.offset**2 + slopes + group + alone + together
        if not len(self._rows):
            return np.tile(self._mean, (len(rows), 1)), before
        cross, known = self._known(rows)
        return self._mean + cross @ self._solved, np.maximum(before - (known**2).sum(0), 0.0)

    def covariance(self, rows: "ndarray") -> "ndarray":
        """How the errors of the means of some rows go together, without the noise."""
        rows = self._centred(rows)
        before = self._covariance(self._compared(rows, rows), self._theta)
        if not len(self._rows):
            return before
        _, known = self._known(rows)
        return before - known.T @ known

    def _known(self, rows: "ndarray") -> tuple["ndarray", "ndarray"]:
        # Covariance with the learned rows, and what of the variance these take away.
        from scipy.linalg import solve_triangular

        cross = self._covariance(self._compared(rows, self._rows), self._theta)
        return cross, solve_triangular(self._root, cross.T, lower=True)

    def _centred(self, rows: "ndarray") -> "ndarray":
        return rows if self._centre is None else rows - self._centre

    def _reached(self, rows: "ndarray") -> "ndarray":
        # Columns as far as slopes go on in them. Where slopes turn is not known without data: a unit off.
        import numpy as np

        if self._centre is None:
            return np.ones_like(rows[:, :-1])
        return self._prior.reach * np.tanh(rows[:, :-1] / self._prior.reach)

    def _compared(self, left: "ndarray", right: "ndarray") -> _Pairs:
        import numpy as np

        return _Pairs(
            trend=(self._reached(left) * np.square(self._prior.slopes)) @ self._reached(right).T,
            squares=(left[:, None, :-1] - right[None, :, :-1]) ** 2,
            same=left[:, None, -1] == right[None, :, -1],
        )

    def _parts(self, pairs: _Pairs, theta: "ndarray") -> _Parts:
        import numpy as np

        alone, group, _, together, steepness = np.exp(2 * theta[:SIZES])
        squares = pairs.squares * np.exp(-2 * theta[SIZES:])
        bends = np.exp(-0.5 * squares)
        kin = np.where(pairs.same, 1.0, self._prior.kinship)
        return _Parts(
            squares=squares,
            trend=pairs.trend * steepness,
            each=bends * (alone / squares.shape[-1]),
            group=group * pairs.same,
            joint=together * bends[..., np.asarray(self._prior.joins)].prod(-1) * kin,
        )

    def _covariance(self, pairs: _Pairs, theta: "ndarray") -> "ndarray":
        parts = self._parts(pairs, theta)
        return self._prior.offset**2 + parts.trend + parts.each.sum(-1) + parts.group + parts.joint

    def _fit_sizes(self) -> None:
        """The most probable sizes under the prior, by L-BFGS from those of the round before."""
        import numpy as np
        from scipy.linalg import cho_solve, cholesky
        from scipy.optimize import minimize
        from scipy.special import logsumexp

        count = len(self._rows)
        diagonal, unit = np.diag_indices(count), np.eye(count)
        joins = np.asarray(self._prior.joins, float)

        def improbability(theta: "ndarray") -> tuple[float, "ndarray"]:
            parts = self._parts(self._pairs, theta)
            alone = parts.each.sum(-1)
            noise = np.exp(2 * theta[2]) / self._trust
            covariance = self._prior.offset**2 + parts.trend + alone + parts.group + parts.joint
            covariance[diagonal] += noise + JITTER
            root = cholesky(covariance, lower=True, check_finite=False)
            inverse = cho_solve((root, True), unit, check_finite=False)
            solved = inverse @ self._targets
            fits = -0.5 * (self._targets * solved).sum(0)
            evidence = logsumexp(fits)
            change = inverse - (solved * np.exp(fits - evidence)) @ solved.T
            away = (theta - self._middle) / self._width
            slopes = np.empty_like(theta)
            slopes[0] = (change * alone).sum()
            slopes[1] = (change * parts.group).sum()
            slopes[2] = (change[diagonal] * noise).sum()
            slopes[3] = (change * parts.joint).sum()
            slopes[4] = (change * parts.trend).sum()
            bending = parts.squares * (parts.each + parts.joint[..., None] * joins)
            slopes[SIZES:] = 0.5 * np.einsum("ij,ijk->k", change, bending)
            value = np.log(np.diag(root)).sum() - evidence + 0.5 * away @ away
            return float(value), slopes + away / self._width

        reach = 3 * self._width
        limits = list(zip(self._middle - reach, self._middle + reach, strict=True))
        found = minimize(
            improbability,
            self._theta,
            jac=True,
            method="L-BFGS-B",
            bounds=limits,
            options={"maxiter": 60, "ftol": TOLERANCE},
        )
        self._theta = found.x

    def _condition(self) -> None:
        """Solve for the targets; weigh hypotheses by their evidence, and runs by what their residuals say."""
        import numpy as np
        from scipy.linalg import cho_solve, cholesky
        from scipy.special import softmax

        usual = np.exp(2 * self._theta[2])
        noise = usual / self._trust + JITTER
        covariance = self._covariance(self._pairs, self._theta) + np.diag(noise)
        self._root = cholesky(covariance, lower=True)
        self._solved = cho_solve((self._root, True), self._targets)
        self.probabilities = softmax(-0.5 * (self._targets * self._solved).sum(0))
        inverse = np.diag(cho_solve((self._root, True), np.eye(len(noise))))
        error = (noise[:, None] * self._solved) ** 2 @ self.probabilities
        doubt = np.maximum(noise - noise**2 * inverse, 0.0)
        tails = self._prior.tails
        self._trust = np.minimum((tails + 1) / (tails + (error + doubt) / usual), 1.0)
