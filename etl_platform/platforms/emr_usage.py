"""Instance hours of EMR: what a run's cost is computed from."""

from collections.abc import Iterable, Mapping
from typing import Any


def instance_hours(
    instances: Iterable[Mapping[str, Any]], *, since: float = 0.0, until: float
) -> tuple[dict[str, float], bool]:
    """Hours that the instances of a cluster ran.

    Args:
        instances: As ListInstances gives them.
        since: Only the time from then on, Unix seconds.
        until: Only the time up to then; now, for all of it.

    Returns:
        `instance_hours`, and `spot_instance_hours` where there are some, empty where there was no instance;
        and whether some of them still ran at the end.
    """
    hours: dict[str, float] = {}
    still_run = False
    for instance in instances:
        times = instance["Status"].get("Timeline", {})
        created, ended = times.get("CreationDateTime"), times.get("EndDateTime")
        if created is None:
            continue
        still_run |= ended is None
        end = until if ended is None else min(until, ended.timestamp())
        spent = max(end - max(created.timestamp(), since), 0.0) / 3600
        hours["instance_hours"] = hours.get("instance_hours", 0.0) + spent
        if instance.get("Market") == "SPOT":
            hours["spot_instance_hours"] = hours.get("spot_instance_hours", 0.0) + spent
    return hours, still_run
