"""What holds of every join graph."""

import random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etl_platform.workload.joins import Join, JoinGraph, merged
from etl_platform.workload.model import Role
from etl_platform.workload.order import join_order, starts_of

always = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""A busy machine fails no test."""

NAMES = [f"t{number}" for number in range(8)]
SIZES = st.one_of(st.none(), st.floats(0, 1000, allow_nan=False))


@st.composite
def plans(draw: st.DrawFn):
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, unique=True))
    pairs = draw(st.lists(st.tuples(st.sampled_from(names), st.sampled_from(names)), max_size=14))
    columns = st.lists(st.sampled_from(["a", "b", "c"]), max_size=2, unique=True).map(tuple)
    joins = []
    for left, right in pairs:
        keys = draw(columns)
        how = draw(st.sampled_from(["inner", "left", "right", "full", "cross"]))
        given = {"left": left, "right": right, "left_columns": keys, "right_columns": keys}
        joins.append(Join.model_validate({**given, "how": how, "origins": ("declared",)}))
    graph = JoinGraph(tuple(names), merged(joins))
    kinds = st.sampled_from(["fact", "dimension", "lookup", "streaming_source"])
    roles = {name: _role(name, draw(kinds)) for name in names}
    sizes = {name: draw(SIZES) for name in names}
    sent = draw(st.sets(st.sampled_from(names))) - set(starts_of(graph, roles, sizes))
    return graph, roles, sizes, sent, draw(st.booleans())


def _role(name: str, role: str) -> Role:
    return Role.model_validate({"source": name, "role": role, "declared": True, "reason": "drawn"})


@always
@given(plans())
def test_every_source_comes_in_exactly_once(plan):
    graph, roles, sizes, sent, optimize = plan
    steps = join_order(graph, roles, sizes, sent, optimize=optimize)
    assert sorted(step.source for step in steps) == sorted(graph.sources)


@always
@given(plans())
def test_no_step_joins_without_condition_where_something_connected_is_left(plan):
    graph, roles, sizes, sent, optimize = plan
    joined: set[str] = set()
    for step in join_order(graph, roles, sizes, sent, optimize=optimize):
        neighbours = {other for name in joined for other in graph.sources if graph.between({name}, other)}
        if step.kind.endswith("scan"):
            assert not neighbours - joined
        else:
            assert step.source in neighbours
        joined.add(step.source)


@always
@given(plans())
def test_there_are_as_many_beginnings_as_connected_parts(plan):
    graph, roles, sizes, sent, optimize = plan
    steps = join_order(graph, roles, sizes, sent, optimize=optimize)
    scans = [step for step in steps if step.kind.endswith("scan")]
    assert len(scans) == len(graph.components())


@always
@given(plans())
def test_the_same_inputs_give_the_same_order_however_joins_are_listed(plan):
    graph, roles, sizes, sent, _ = plan
    mixed = list(graph.joins)
    random.Random(0).shuffle(mixed)
    again = JoinGraph(graph.sources, tuple(mixed))
    order = [step.source for step in join_order(graph, roles, sizes, sent)]
    assert order == [step.source for step in join_order(again, roles, sizes, sent)]


@always
@given(plans())
def test_among_neighbours_broadcasts_come_before_shuffles_and_small_before_large(plan):
    graph, roles, sizes, sent, _ = plan
    joined: list[str] = []
    for step in join_order(graph, roles, sizes, sent):
        if step.kind.endswith("_join"):
            rivals = [name for name in graph.sources if name not in joined and graph.between(joined, name)]
            if step.kind == "shuffle_join":
                assert not sent & set(rivals)
            else:
                known = [
                    size
                    for name in sent & set(rivals)
                    if (size := sizes[name]) is not None and roles[name].role == roles[step.source].role
                ]
                assert step.size_gb is None or step.size_gb <= min(known)
        joined.append(step.source)


@always
@given(plans())
def test_broadcasts_never_shuffle_more(plan):
    graph, roles, sizes, sent, _ = plan
    for step in join_order(graph, roles, sizes, sent):
        if step.kind == "broadcast_join":
            assert step.shuffle_gb == 0.0


@always
@given(plans())
def test_merging_keeps_one_join_a_pair_and_every_pair(plan):
    graph = plan[0]
    doubled = merged([*graph.joins, *(join.from_left(join.right) for join in graph.joins)])
    assert {join.pair for join in doubled} == {join.pair for join in graph.joins}
    assert len(doubled) == len(graph.joins)
