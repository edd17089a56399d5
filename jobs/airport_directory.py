"""A directory of airports for the web shop: AWS Lambda handler that turns the raw list into JSON lines."""

import csv
import io
import json
from urllib.parse import urlsplit

import boto3

METRES_PER_FOOT = 0.3048


def entry(row: dict[str, str]) -> dict[str, str | float | None]:
    return {
        "code": row["faa"],
        "name": row["name"].strip(),
        "latitude": float(row["lat"]),
        "longitude": float(row["lon"]),
        "altitude_metres": round(int(row["alt"]) * METRES_PER_FOOT, 1),
        "time_zone": row["tzone"] or None,
    }


def handler(event, context):
    s3 = boto3.client("s3")
    source, target = urlsplit(event["source"]), urlsplit(event["target"])
    raw = s3.get_object(Bucket=source.netloc, Key=source.path.lstrip("/"))["Body"].read().decode("utf-8")
    rows = sorted(csv.DictReader(io.StringIO(raw)), key=lambda row: row["faa"])
    entries = [entry(row) for row in rows]
    lines = "".join(json.dumps(airport, ensure_ascii=False) + "\n" for airport in entries)
    s3.put_object(Bucket=target.netloc, Key=target.path.lstrip("/"), Body=lines.encode("utf-8"))
    print(f"request={context.aws_request_id} airports={len(entries)} target={event['target']}")
    return {"airports": len(entries), "target": event["target"]}
