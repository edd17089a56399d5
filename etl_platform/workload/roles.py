"""Which sources are facts and which are dimensions, and why."""

from collections.abc import Mapping

from etl_platform.catalog.markdown import gb
from etl_platform.config.models.data_sources import AnySource
from etl_platform.config.models.job import Job
from etl_platform.workload.declared import key_stem, table_stem
from etl_platform.workload.joins import Join, JoinGraph
from etl_platform.workload.model import Role, RoleName, Shape

SMALL_GB = 1.0
"""A table under this can be sent to every executor, so it does not decide how the job runs."""

Sizes = Mapping[str, float | None]


def roles_of(job: Job, graph: JoinGraph, sizes: Sizes) -> tuple[Role, ...]:
    """The role of each source: declared, else by size and by the direction of its joins."""
    by_name = {source.name: source for source in job.data_sources}
    found: dict[str, Role] = {}
    for component in graph.components():
        for name in component:
            source = by_name[name]
            if source.role_in_flow:
                found[name] = Role(source=name, role=source.role_in_flow, declared=True, reason="declared")
            else:
                role, reason = _recommended(source, component, graph, sizes)
                found[name] = Role(source=name, role=role, declared=False, reason=reason)
    return tuple(found[source.name] for source in job.data_sources)


def _recommended(
    source: AnySource, component: tuple[str, ...], graph: JoinGraph, sizes: Sizes
) -> tuple[RoleName, str]:
    name, size = source.name, sizes.get(source.name)
    if source.source_type in ("kinesis", "kafka"):
        return "streaming_source", f"a {source.source_type} stream"
    if len(component) == 1:
        return _alone(source, graph, size)
    known = {one: found for one in component if (found := sizes.get(one)) is not None}
    largest = max(known, key=lambda one: (known[one], one)) if known else None
    many_of = [other for join in graph.joins_of(name) if (other := one_side(join, sizes)) != name]
    one_of = sorted(join.other(name) for join in graph.joins_of(name) if one_side(join, sizes) == name)
    if name == largest:
        return "fact", f"the largest of the tables it is joined with ({gb(size)})"
    if one_of:
        return "dimension", f"{', '.join(one_of)} refer{'s' if len(one_of) == 1 else ''} to it ({gb(size)})"
    if size is not None and size < SMALL_GB and largest is not None:
        return "dimension", f"small ({gb(size)}) beside {largest} ({gb(known[largest])})"
    return "fact", f"it refers to {', '.join(sorted(many_of))} and nothing refers to it ({gb(size)})"


def _alone(source: AnySource, graph: JoinGraph, size: float | None) -> tuple[RoleName, str]:
    if len(graph.sources) == 1:
        return "fact", "the only source"
    if source.source_type == "dynamodb" or source.cache_recommended:
        return "lookup", "joined with nothing, and asked row by row or kept in a cache"
    if size is not None and size < SMALL_GB:
        return "reference", f"joined with nothing, and small ({gb(size)})"
    return "fact", f"joined with nothing ({gb(size)})"


def one_side(join: Join, sizes: Sizes) -> str:
    """The side of a join of which each row matches many rows of the other.

    By the names of the columns (`customer_id` names one row of `customers`), else the smaller side where
    both sizes are known and differ, else the right one.
    """
    names_left = _names_itself(join, join.left)
    names_right = _names_itself(join, join.right)
    if names_left != names_right:
        return join.left if names_left else join.right
    left, right = sizes.get(join.left), sizes.get(join.right)
    if left is not None and right is not None and left != right:
        return join.left if left < right else join.right
    return join.right


def _names_itself(join: Join, side: str) -> bool:
    """Whether the key of a join names a row of that side."""
    columns = (*join.left_columns, *join.right_columns)
    return any(key_stem(column) == table_stem(side) for column in columns)


def shapes_of(graph: JoinGraph, roles: Mapping[str, Role]) -> tuple[Shape, ...]:
    """What each connected part of the graph looks like."""
    shapes = []
    for component in graph.components():
        facts = tuple(name for name in component if roles[name].role in ("fact", "streaming_source"))
        if len(component) == 1:
            kind = "single"
        elif len(facts) > 1:
            kind = "several_facts"
        else:
            centre = facts[0] if facts else component[0]
            around = {join.other(centre) for join in graph.joins_of(centre)}
            kind = "star" if around >= set(component) - {centre} else "snowflake"
        shapes.append(Shape(kind=kind, facts=facts, sources=component))
    return tuple(shapes)
