"""How much a job does with its data, in three classes."""

from collections.abc import Mapping, Sequence

from etl_platform.workload.model import Complexity, Shape, Step

JOIN_POINTS_AT_MOST = 4
MODERATE_POINTS = 2
COMPLEX_POINTS = 5

POINTS = {
    "udf": (2, "user-defined functions, which Spark cannot optimize"),
    "window": (1, "window functions"),
    "aggregate": (1, "aggregations"),
    "distinct": (1, "removal of duplicates"),
    "pivot": (1, "pivots"),
    "sort": (1, "sorts of everything"),
    "repartition": (1, "repartitioning"),
}
"""Kind of operation to points and words; each kind counts once."""


def complexity_of(
    steps: Sequence[Step], shapes: Sequence[Shape], operations: Mapping[str, int], crossed: int
) -> tuple[Complexity, tuple[str, ...]]:
    """Add up points: `simple` under 2, `complex` from 5 on.

    A join counts 1 (4 at most), each further fact that is joined 1, a join without condition 3, and each kind
    of operation as POINTS says. The scale is this platform's own; the reasons show its arithmetic.
    """
    reasons: list[tuple[int, str]] = []
    joins = sum(1 for step in steps if step.kind.endswith("_join"))
    if joins:
        reasons.append((min(joins, JOIN_POINTS_AT_MOST), f"{joins} join{'s' if joins > 1 else ''}"))
    further = sum(len(shape.facts) - 1 for shape in shapes if shape.kind == "several_facts")
    if further:
        reasons.append((further, f"{further + 1} facts joined with each other"))
    if crossed:
        reasons.append((3, "a join without condition"))
    reasons += [(points, words) for kind, (points, words) in POINTS.items() if operations.get(kind)]
    points = sum(number for number, _ in reasons)
    found: Complexity = "simple" if points < MODERATE_POINTS else "moderate"
    if points >= COMPLEX_POINTS:
        found = "complex"
    return found, tuple(f"{words} (+{number})" for number, words in reasons) or ("one pass over its input",)
