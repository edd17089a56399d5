"""A decision by the agent loop on the policy model, against calling the policy directly.

`python -m etl_platform_tests.benchmarks.agents [--decisions N]`
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from etl_platform.agents.decision import AGENT
from etl_platform.agents.guard import invoke
from etl_platform.agents.loop import looked_up
from etl_platform_tests.agents.decision_cases import case


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--decisions", type=int, default=100)
    options, _ = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as folder:
        one = case(Path(folder))
        # What both share: measuring and the engine's decision.
        start = time.perf_counter()
        _ = one.plan
        print(f"  plan: {(time.perf_counter() - start) * 1000:.1f} ms")

        def directly() -> None:
            AGENT.check(one, AGENT.policy(one, looked_up(AGENT.tools(one))))

        loop = _milliseconds(lambda: invoke(AGENT, one), options.decisions)
        direct = _milliseconds(directly, options.decisions)
    print(f"  agent on the policy model, with its record: {loop:.1f} ms")
    print(f"  policy called directly, without a record: {direct:.2f} ms")
    print(f"  the loop and the record add {loop - direct:.1f} ms, {loop / direct:,.0f} ×")


def _milliseconds(call: Callable[[], object], times: int) -> float:
    """Median of some calls after a first one, which imports."""
    call()
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        taken.append((time.perf_counter() - start) * 1000)
    return statistics.median(taken)


if __name__ == "__main__":
    main()
