"""Clicks with the profile of their user, summed up by session: an AWS Lambda handler.

On a schedule it reads what the Kinesis stream holds; as the target of a Kinesis trigger it takes the records
that the trigger brings.
"""

import base64
import json
from collections import defaultdict
from urllib.parse import urlsplit

import boto3

MOST_KEYS = 100  # of one BatchGetItem


def in_stream(stream):
    """The stream's records, shard by shard, from the oldest to the newest that is there now."""
    kinesis = boto3.client("kinesis")
    for page in kinesis.get_paginator("list_shards").paginate(StreamName=stream):
        for shard in page["Shards"]:
            start = kinesis.get_shard_iterator(
                StreamName=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )
            iterator = start["ShardIterator"]
            while iterator:
                answer = kinesis.get_records(ShardIterator=iterator)
                yield from (json.loads(record["Data"]) for record in answer["Records"])
                iterator = answer["NextShardIterator"] if answer["MillisBehindLatest"] else None


def in_trigger(records):
    return (json.loads(base64.b64decode(record["kinesis"]["data"])) for record in records)


def profiles_of(users, table):
    """User to profile, of those that have one."""
    dynamodb = boto3.resource("dynamodb")
    found = {}
    users = sorted(users)
    for start in range(0, len(users), MOST_KEYS):
        keys = [{"user_id": user} for user in users[start : start + MOST_KEYS]]
        asked = {table: {"Keys": keys}}
        while asked:
            answer = dynamodb.batch_get_item(RequestItems=asked)
            found |= {profile["user_id"]: profile for profile in answer["Responses"].get(table, [])}
            asked = answer.get("UnprocessedKeys")
    return found


def sessions_of(events, profiles):
    by_session = defaultdict(list)
    for event in events:
        by_session[event["session_id"]].append(event)
    for session_id, clicks in sorted(by_session.items()):
        user = next((click["user_id"] for click in clicks if click["user_id"]), None)
        profile = profiles.get(user, {})
        times = sorted(click["occurred_at"] for click in clicks)
        yield {
            "session_id": session_id,
            "user_id": user,
            "country": profile.get("country"),
            "loyalty": profile.get("loyalty"),
            "events": len(clicks),
            "purchases": sum(click["event_type"] == "purchase" for click in clicks),
            "dwell_ms": sum(max(click["dwell_ms"], 0) for click in clicks),
            "started_at": times[0],
            "ended_at": times[-1],
        }


def handler(event, context):
    records = in_trigger(event["Records"]) if "Records" in event else in_stream(event["stream"])
    # Kinesis delivers at least once.
    events = {record["event_id"]: record for record in records}
    users = {record["user_id"] for record in events.values() if record["user_id"]}
    profiles = profiles_of(users, event["profiles"])
    sessions = list(sessions_of(events.values(), profiles))
    target = urlsplit(event["target"])
    body = "".join(json.dumps(session) + "\n" for session in sessions)
    boto3.client("s3").put_object(Bucket=target.netloc, Key=target.path.lstrip("/"), Body=body.encode())
    print(f"events={len(events)} users={len(users)} profiles={len(profiles)} sessions={len(sessions)}")
    return {"events": len(events), "sessions": len(sessions), "without_profile": len(users) - len(profiles)}
