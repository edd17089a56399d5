"""Gaussian process regression with prior beliefs and with noise that now and then is large.

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

JITTER = 1e-10
"""Added to the variances, so that rounding leaves the covariance positive."""


@dataclass(frozen=True)
class Prior:
    """What is believed of a process before its data; sizes that are learned have log-normal priors.

    Attributes:
        offset: Standard deviation of the constant.
        slopes: Standard deviation of the slope of each column.
        lengths: Of each column median, and standard deviation of the logarithm, of the length over which its
            curve bends.
        together: The same of the size of the curve of all columns together.
        alone: The same of the size of the curves of single columns.
        group: The same of the size of the groups' offsets.
        noise: The same of the size of the noise.
        kinship: How alike the joint curves of two groups are, 0 to 1.
        tails: Degrees of freedom of the noise.
    """

    offset: float
    slopes: Sequence[float]
    lengths: Sequence[tuple[float, float]]
    together: tuple[float, float]
    alone: tuple[float, float]
    group: tuple[float, float]
    noise: tuple[float, float]
    kinship: float
    tails: float


class GaussianProcess:
    """The sum of a constant, a slope of each column, an offset of each group, curves, and noise.

    There is a curve of each column by itself and one of all columns together. The last column of the data is
    the code of the row's group; a code that was not learned is a group of its own.
    """

    def __init__(self, prior: Prior, rows: "ndarray", targets: "ndarray"):
        """Learn from rows of columns and a group, and a target for each."""
        import numpy as np

        self._prior = prior
        self._centre = np.append(rows[:, :-1].mean(0), 0.0) if len(rows) else None
        self._rows = self._centred(rows) if len(rows) else rows
        self._mean = float(np.median(targets)) if len(rows) else 0.0
        self._targets = targets - self._mean
        sizes = [prior.alone, prior.group, prior.noise, prior.together, *prior.lengths]
        self._middle = np.log([median for median, _ in sizes])
        self._width = np.array([width for _, width in sizes])
        self._theta = self._middle
        self._weights = np.ones(len(targets))
        # One run tells nothing of how much runs differ.
        for _ in range(ROUNDS if len(targets) > 1 else 0):
            self._fit_sizes()
            self._condition()
        if len(targets) < 2:
            self._condition()
        self.noise = float(np.exp(self._theta[2]))

    def predict(self, rows: "ndarray") -> tuple["ndarray", "ndarray"]:
        """Mean, and standard deviation without the noise, of each row."""
        import numpy as np
        from scipy.linalg import solve_triangular

        rows = self._centred(rows)
        cross = self._covariance(rows, self._rows, self._theta)
        alone, group, _, together = np.exp(2 * self._theta[:4])
        slopes = (rows[:, :-1] ** 2 * np.square(self._prior.slopes)).sum(1)
        before = self._prior.offset**2 + slopes + group + alone + together
        known = solve_triangular(self._root, cross.T, lower=True) if len(self._rows) else cross.T
        variance = np.maximum(before - (known**2).sum(0), 0.0)
        return self._mean + cross @ self._solved, np.sqrt(variance)

    def left_out(self) -> "ndarray":
        """Log density of each target as predicted from all the others (section 5.4.2), the sizes kept."""
        import numpy as np
        from scipy.linalg import cho_solve
        from scipy.stats import t

        inverse = np.diag(cho_solve((self._root, True), np.eye(len(self._targets))))
        usual = self.noise**2
        doubt = np.maximum(1 / inverse - usual / self._weights, 0.0)
        return t.logpdf(self._solved / inverse, self._prior.tails, scale=np.sqrt(doubt + usual))

    def covariance(self, rows: "ndarray") -> "ndarray":
        """How the errors of the means of some rows go together, without the noise."""
        from scipy.linalg import solve_triangular

        rows = self._centred(rows)
        cross = self._covariance(rows, self._rows, self._theta)
        known = solve_triangular(self._root, cross.T, lower=True) if len(self._rows) else cross.T
        return self._covariance(rows, rows, self._theta) - known.T @ known

    def _centred(self, rows: "ndarray") -> "ndarray":
        # Without runs the slopes have no point to turn about: they turn about the rows asked for.
        import numpy as np

        return rows - (np.append(rows[:, :-1].mean(0), 0.0) if self._centre is None else self._centre)

    def _covariance(self, left: "ndarray", right: "ndarray", theta: "ndarray") -> "ndarray":
        _, each, group, together = self._parts(left, right, theta)
        return self._fixed(left, right) + each.sum(-1) + group + together

    def _fixed(self, left: "ndarray", right: "ndarray") -> "ndarray":
        import numpy as np

        return self._prior.offset**2 + (left[:, :-1] * np.square(self._prior.slopes)) @ right[:, :-1].T

    def _parts(self, left: "ndarray", right: "ndarray", theta: "ndarray") -> tuple["ndarray", ...]:
        # Squared distances by column, curves of single columns, offsets of groups, the joint curve.
        import numpy as np

        alone, group, _, together = np.exp(2 * theta[:4])
        same = left[:, None, -1] == right[None, :, -1]
        left, right = left[:, :-1] / np.exp(theta[4:]), right[:, :-1] / np.exp(theta[4:])
        squares = (left[:, None] - right[None, :]) ** 2
        bends = np.exp(-0.5 * squares)
        joint = together * bends.prod(-1) * np.where(same, 1.0, self._prior.kinship)
        each = bends * (alone / squares.shape[-1])
        return squares, each, group * same, joint

    def _fit_sizes(self) -> None:
        """The most probable sizes under the prior, by L-BFGS from those of the round before."""
        import numpy as np
        from scipy.linalg import cho_solve, cholesky
        from scipy.optimize import minimize

        fixed = self._fixed(self._rows, self._rows)
        diagonal = np.diag_indices(len(self._targets))

        def improbability(theta: "ndarray") -> tuple[float, "ndarray"]:
            squares, each, group, together = self._parts(self._rows, self._rows, theta)
            alone = each.sum(-1)
            noise = np.exp(2 * theta[2]) / self._weights
            covariance = fixed + alone + group + together
            covariance[diagonal] += noise + JITTER
            root = cholesky(covariance, lower=True)
            inverse = cho_solve((root, True), np.eye(len(root)))
            solved = inverse @ self._targets
            change = inverse - np.outer(solved, solved)
            away = (theta - self._middle) / self._width
            value = 0.5 * self._targets @ solved + np.log(np.diag(root)).sum() + 0.5 * away @ away
            slopes = np.empty_like(theta)
            slopes[0] = (change * alone).sum()
            slopes[1] = (change * group).sum()
            slopes[2] = (change[diagonal] * noise).sum()
            slopes[3] = (change * together).sum()
            bending = squares * (each + together[..., None])
            slopes[4:] = 0.5 * np.einsum("ij,ijk->k", change, bending)
            return float(value), slopes + away / self._width

        reach = 3 * self._width
        limits = list(zip(self._middle - reach, self._middle + reach, strict=True))
        found = minimize(
            improbability, self._theta, jac=True, method="L-BFGS-B", bounds=limits, options={"maxiter": 60}
        )
        self._theta = found.x

    def _condition(self) -> None:
        """Solve for the targets, and weigh each by the precision that its residual speaks for."""
        import numpy as np
        from scipy.linalg import cho_solve, cholesky

        usual = np.exp(2 * self._theta[2])
        noise = usual / self._weights + JITTER
        covariance = self._covariance(self._rows, self._rows, self._theta) + np.diag(noise)
        if not len(noise):
            self._solved = noise
            return
        self._root = cholesky(covariance, lower=True)
        self._solved = cho_solve((self._root, True), self._targets)
        inverse = np.diag(cho_solve((self._root, True), np.eye(len(noise))))
        error = noise * self._solved
        doubt = np.maximum(noise - noise**2 * inverse, 0.0)
        tails = self._prior.tails
        self._weights = np.minimum((tails + 1) / (tails + (error**2 + doubt) / usual), 1.0)
