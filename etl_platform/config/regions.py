"""Names of AWS regions: which there are, and which cannot be one."""

import json
import re
from functools import cache
from importlib.resources import files
from typing import Literal, NamedTuple

from etl_platform.config.faults import did_you_mean

_LOOKS_LIKE_A_REGION = re.compile(
    r"[a-z]{2,4}(-[a-z]{2,4}\d?)?-(central|(north|south)?(east|west)|north|south)-\d{1,2}"
)
"""An area, sometimes a partition, a point of the compass and a number, as every name in botocore's list."""


class RegionProblem(NamedTuple):
    """What is wrong with the name of a region.

    Attributes:
        kind: A fault where it can be no region; a warning where it may be newer than the installed botocore.
        message: The end of a sentence that begins with the name.
    """

    kind: Literal["fault", "warning"]
    message: str


@cache
def known_regions() -> frozenset[str]:
    """The regions of all partitions, China and GovCloud among them, by the installed botocore."""
    text = (files("botocore") / "data" / "partitions.json").read_text("utf-8")
    named = (name for partition in json.loads(text)["partitions"] for name in partition["regions"])
    return frozenset(name for name in named if _LOOKS_LIKE_A_REGION.fullmatch(name))


def region_problem(name: str) -> RegionProblem | None:
    """What is wrong with the name of a region; None where nothing is."""
    if name in known_regions():
        return None
    near = did_you_mean(name.lower(), known_regions())
    if _LOOKS_LIKE_A_REGION.fullmatch(name):
        return RegionProblem("warning", f"is no region that the installed botocore knows{near}")
    return RegionProblem("fault", f"is no region of AWS{near or '; a region is named such as eu-central-1'}")
