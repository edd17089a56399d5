"""EC2 instance types that a cluster may be made of: their vCPU and memory."""

_STEPS = {"xlarge": 4, "2xlarge": 8, "4xlarge": 16, "8xlarge": 32, "12xlarge": 48, "16xlarge": 64}
_LARGEST = {**_STEPS, "24xlarge": 96}
_C5 = {
    "xlarge": 4,
    "2xlarge": 8,
    "4xlarge": 16,
    "9xlarge": 36,
    "12xlarge": 48,
    "18xlarge": 72,
    "24xlarge": 96,
}

_FAMILIES: tuple[tuple[float, dict[str, int], tuple[str, ...]], ...] = (
    (4, _LARGEST, ("m5", "m5a", "m5d", "m6a", "m6i", "m6id", "m7a", "m7i")),
    (4, _STEPS, ("m6g", "m6gd", "m7g")),
    (8, _LARGEST, ("r5", "r5a", "r5d", "r6a", "r6i", "r6id", "r7a", "r7i")),
    (8, _STEPS, ("r6g", "r6gd", "r7g")),
    (2, _C5, ("c5", "c5d")),
    (2, _LARGEST, ("c5a", "c6a", "c6i", "c6id", "c7a", "c7i")),
    (2, _STEPS, ("c6g", "c6gd", "c7g")),
)
"""GB of memory for each vCPU, sizes with their vCPU, and the families that come so."""

_BY_FAMILY: dict[str, tuple[int, float]] = {
    f"{family}.{size}": (vcpu, vcpu * gb)
    for gb, sizes, families in _FAMILIES
    for family in families
    for size, vcpu in sizes.items()
}

INSTANCES: dict[str, tuple[int, float]] = {
    **_BY_FAMILY,
    "m4.large": (2, 8),
    "m4.xlarge": (4, 16),
    "m4.2xlarge": (8, 32),
    "c4.large": (2, 3.75),
    "c4.xlarge": (4, 7.5),
    "c4.2xlarge": (8, 15),
    "r4.large": (2, 15.25),
    "r4.xlarge": (4, 30.5),
    "r4.2xlarge": (8, 61),
}
"""EC2 type to vCPU and GB of memory (Amazon EC2, "Instance types"; Amazon EMR Management Guide, "Supported
instance types")."""
