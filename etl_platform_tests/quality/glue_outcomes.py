"""A DQDL ruleset evaluated by the Glue library, as a script gets it; run as a program.

Reads JSON from standard input: `rows`, their `schema` and the `ruleset`. Prints rule and outcome as JSON.
It is a process of its own, because a session of Sail and one of Spark do not share one.
"""

import json
import os
import sys
from datetime import datetime
from typing import Any

from etl_platform.runtime.glue_compat import GLUE_PATH


def main(given: dict[str, Any]) -> dict[str, str]:
    """Rule to its outcome."""
    from pysail.spark import SparkConnectServer

    server = SparkConnectServer(ip="127.0.0.1", port=0)
    server.start()
    address = server.listening_address
    assert address is not None
    os.environ["SPARK_REMOTE"] = f"sc://{address[0]}:{address[1]}"
    sys.path.insert(0, str(GLUE_PATH))
    from awsglue.context import GlueContext
    from awsglue.dynamicframe import DynamicFrame
    from awsgluedq.transforms import EvaluateDataQuality

    glue = GlueContext()
    spark = glue.spark_session
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    rows = [tuple(_value(name, value) for name, value in row.items()) for row in given["rows"]]
    frame = DynamicFrame.fromDF(spark.createDataFrame(rows, given["schema"]), glue, "rows")
    found = EvaluateDataQuality.apply(frame=frame, ruleset=given["ruleset"])
    return {row["Rule"]: row["Outcome"] for row in found.toDF().collect()}


def _value(name: str, value: Any) -> Any:
    return datetime.fromisoformat(value) if name == "d" and value else value


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(json.load(sys.stdin))))
