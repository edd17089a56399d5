"""Which containers there are: vCPU and memory go together on Fargate and EMR Serverless."""

CONTAINER_GB: dict[float, tuple[float, ...]] = {
    0.25: (0.5, 1, 2),
    0.5: (1, 2, 3, 4),
    1: tuple(range(2, 9)),
    2: tuple(range(4, 17)),
    4: tuple(range(8, 31)),
    8: tuple(range(16, 61, 4)),
    16: tuple(range(32, 121, 8)),
}
"""vCPU of a container to the GB that it may have. Fargate has all of them, EMR Serverless those from 1 vCPU
on (Amazon ECS Developer Guide, "Task size"; EMR Serverless User Guide, "Supported worker configurations")."""


def container(vcpu: float, memory_gb: float) -> tuple[float, float] | None:
    """The smallest container that has at least so much; None where there is none."""
    fitting = (
        (cores, memory)
        for cores, sizes in CONTAINER_GB.items()
        for memory in sizes
        if cores >= vcpu and memory >= memory_gb
    )
    return next(fitting, None)
