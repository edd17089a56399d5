"""In which order a job should join its sources, and what each step moves between executors."""

from collections.abc import Iterable, Mapping, Sequence, Set

from etl_platform.catalog.markdown import gb
from etl_platform.workload.broadcast import SPARK_THRESHOLD_GB
from etl_platform.workload.joins import Join, JoinGraph
from etl_platform.workload.model import Role, Step

Sizes = Mapping[str, float | None]


def starts_of(graph: JoinGraph, roles: Mapping[str, Role], sizes: Sizes) -> tuple[str, ...]:
    """What each connected part begins with: its stream, else its largest fact, else its largest source."""

    def rank(name: str) -> tuple[int, float, str]:
        size = sizes.get(name)
        by_role = {"streaming_source": 0, "fact": 1}.get(roles[name].role, 2)
        return by_role, -(size if size is not None else -1.0), name

    return tuple(min(component, key=rank) for component in graph.components())


def join_order(
    graph: JoinGraph,
    roles: Mapping[str, Role],
    sizes: Sizes,
    broadcast: Set[str],
    *,
    optimize: bool = True,
) -> tuple[Step, ...]:
    """Steps that never join what nothing connects while something connected is left.

    From the start of each connected part on, the next is always a neighbour of what is joined already:
    broadcast before shuffled, dimensions before facts, small before large, then by name.

    A shuffled step moves `A + T`: the rows joined so far (A) and the new source (T), each as stored. A is not
    moved again where it already lies by the columns of this join. A broadcast step shuffles nothing. After a
    join with a dimension A stays as it was, since each of its rows finds one partner; after a join with
    another fact it is `A + T`. So 350 GB joined with 0.05 GB and 0.1 GB on different columns shuffle
    (350 + 0.05) + (350 + 0.1) = 700.15 GB without broadcasts, and nothing with both.

    Args:
        graph: The joins.
        roles: Role by source.
        sizes: GB by source; a step that needs an unknown one has an unknown shuffle.
        broadcast: Sources that are broadcast.
        optimize: False: among neighbours the order of the job stays.
    """
    steps: list[Step] = []
    for component, start in zip(graph.components(), starts_of(graph, roles, sizes), strict=True):
        begins = not steps
        steps.append(
            Step(
                source=start,
                kind="scan" if begins else "separate_scan",
                size_gb=sizes.get(start),
                shuffle_gb=0.0,
                shuffle_without_broadcast_gb=0.0,
                reason=f"{roles[start].role}: {roles[start].reason}"
                if begins
                else "nothing connects it with the tables above, so it is not joined with them",
            )
        )
        with_broadcasts = _Volume(sizes.get(start))
        without = _Volume(sizes.get(start))
        joined = [start]
        while len(joined) < len(component):
            frontier = [name for name in component if name not in joined and graph.between(joined, name)]
            source = (
                min(frontier, key=lambda name: _rank(name, roles, sizes, broadcast))
                if optimize
                else frontier[0]
            )
            joins = graph.between(joined, source)
            grows = roles[source].role in ("fact", "streaming_source")
            sent = source in broadcast
            size = sizes.get(source)
            steps.append(
                Step(
                    source=source,
                    kind="broadcast_join" if sent else "shuffle_join",
                    on=tuple(condition for join in joins for condition in _conditions(join)),
                    guessed=any(join.origins == ("guessed",) for join in joins),
                    size_gb=size,
                    shuffle_gb=with_broadcasts.broadcast(size, grows)
                    if sent
                    else with_broadcasts.shuffle(size, joins, grows),
                    shuffle_without_broadcast_gb=without.shuffle(size, joins, grows),
                    reason=_reason(source, roles, size, sent, optimize),
                )
            )
            joined.append(source)
    return tuple(steps)


def with_self_joins(steps: Sequence[Step], joins: Iterable[Join]) -> tuple[Step, ...]:
    """The steps, and behind each source those that join it with itself.

    Such a join moves the source twice, once a side, unless Spark broadcasts it by itself.
    """
    found: list[Step] = []
    for step in steps:
        found.append(step)
        for join in dict.fromkeys(one for one in joins if one.left == one.right == step.source):
            small = step.size_gb is not None and step.size_gb <= SPARK_THRESHOLD_GB
            both = None if step.size_gb is None else 2 * step.size_gb
            found.append(
                Step(
                    source=step.source,
                    kind="broadcast_join" if small else "shuffle_join",
                    on=tuple(_conditions(join)),
                    size_gb=step.size_gb,
                    shuffle_gb=0.0 if small else both,
                    shuffle_without_broadcast_gb=both,
                    reason="joined with itself",
                )
            )
    return tuple(found)


def _rank(
    name: str, roles: Mapping[str, Role], sizes: Sizes, broadcast: Set[str]
) -> tuple[bool, bool, float, str]:
    size = sizes.get(name)
    is_fact = roles[name].role in ("fact", "streaming_source")
    return name not in broadcast, is_fact, float("inf") if size is None else size, name


def _reason(source: str, roles: Mapping[str, Role], size: float | None, sent: bool, optimize: bool) -> str:
    how = "broadcast before shuffle" if sent else "shuffled"
    order = "smallest of what is left" if optimize else "in the order of the job"
    return f"{roles[source].role}, {how}, {order} ({gb(size)})"


def _conditions(join: Join) -> list[str]:
    if not join.left_columns:
        return [f"{join.left} with {join.right}, columns unknown"]
    pairs = zip(join.left_columns, join.right_columns, strict=False)
    return [f"{join.left}.{left} = {join.right}.{right}" for left, right in pairs]


class _Volume:
    """The rows joined so far: how big they are, and by which columns they lie."""

    def __init__(self, size_gb: float | None):
        self.size_gb = size_gb
        # One set a key column: joined columns are equal, so rows that lie by one lie by the other.
        self._keys: list[set[tuple[str, str]]] = []

    def shuffle(self, size_gb: float | None, joins: Sequence[Join], grows: bool) -> float | None:
        """Join by shuffle; gives what moves, None where a size is unknown."""
        pairs = [
            ((join.left, left), (join.right, right))
            for join in joins
            for left, right in zip(join.left_columns, join.right_columns, strict=False)
        ]
        lies_by = [next((key for key in self._keys if left in key), None) for left, _ in pairs]
        stays = bool(pairs) and None not in lies_by and len(pairs) == len(self._keys)
        if not stays:
            self._keys = [{left} for left, _ in pairs]
        for key, (_, right) in zip(lies_by if stays else self._keys, pairs, strict=True):
            if key is not None:
                key.add(right)
        moved = None
        if size_gb is not None and self.size_gb is not None:
            moved = size_gb if stays else self.size_gb + size_gb
        self._grow(size_gb, grows)
        return moved

    def broadcast(self, size_gb: float | None, grows: bool) -> float:
        """Join by broadcast: nothing is shuffled, and rows stay where they lie."""
        self._grow(size_gb, grows)
        return 0.0

    def _grow(self, size_gb: float | None, grows: bool) -> None:
        if grows:
            self.size_gb = None if size_gb is None or self.size_gb is None else self.size_gb + size_gb


def total(values: Sequence[float | None]) -> float | None:
    """The sum; None where one is unknown."""
    return None if None in values else sum(value for value in values if value is not None)
