"""Counts that frames take of keys and of rows in common, in the local engine."""

import math
from typing import Any

import pytest

from etl_platform.quality.frame import Frequencies, QueryError
from etl_platform.quality.local_frame import LocalFrame, connect


@pytest.fixture
def frames() -> Any:
    """Rows `a, b`, and other ones."""
    rows = "(VALUES (1, 'x'), (1, 'x'), (2, NULL), (NULL, NULL)) AS t (a, b)"
    with connect("UTC") as connection:
        yield (
            LocalFrame(connection, "rows", rows),
            LocalFrame(connection, "others", "(VALUES (1, 'x'), (2, NULL), (2, NULL)) AS t (c, d)"),
        )


def test_frequencies_take_a_null_for_a_value(frames: Any):
    found = frames[0].frequencies(["a"])
    assert (found.rows, found.values, found.once, found.once_whole) == (4, 3, 2, 1)
    # Of four rows, one value has two, and two have one each.
    assert found.entropy == pytest.approx(math.log(2) / 2 + 2 * math.log(4) / 4)


def test_frequencies_are_of_the_rows_that_are_picked(frames: Any):
    assert frames[0].frequencies(["a", "b"], "a = 2") == Frequencies(1, 1, 1, 0, 0.0)
    assert frames[0].frequencies(["a"], "FALSE") == Frequencies(0, 0, 0, 0, None)


def test_a_key_with_a_null_is_not_the_parent_s(frames: Any):
    ours, theirs = frames
    assert ours.count_matched(["a"], theirs, ["c"]) == (4, 3)
    assert ours.count_matched(["a", "b"], theirs, ["c", "d"], "a IS NOT NULL") == (3, 2)


def test_rows_are_the_same_with_their_nulls(frames: Any):
    ours, theirs = frames
    assert ours.count_same(theirs, [("a", "c")], [("b", "d")]) == 4
    assert ours.count_same(theirs, [("a", "c")], []) == 4
    assert ours.count_same(theirs, [("a", "c"), ("b", "d")], []) == 2


def test_a_measure_that_the_engine_refuses_is_told(frames: Any):
    assert frames[0].measure(["max(a)", "count(b)"]) == (4, 2, 2)
    with pytest.raises(QueryError, match="nowhere"):
        frames[0].measure(["max(nowhere)"])
