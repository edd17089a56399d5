from decimal import Decimal

import pytest

from etl_platform.pricing.book import UnknownPriceKeyError, open_book
from etl_platform.pricing.quote import quote
from etl_platform.pricing.services import BadUsageError, parse_usage


def price(text: str, **book) -> float | None:
    service, *pairs = text.split()
    usage = parse_usage(service, dict(pair.split("=", 1) for pair in pairs))
    return quote(open_book(**book), usage).total_usd


def cents(usd: float | None) -> Decimal:
    assert usd is not None
    return Decimal(str(usd)).quantize(Decimal("0.01"))


@pytest.mark.parametrize(
    ("text", "usd"),
    [
        ("glue dpu=6 minutes=15", "0.66"),
        ("glue kind=session dpu=5 minutes=24", "0.88"),
        ("lambda requests=3000000 duration_ms=120 memory_mb=1536 free_tier=true architecture=x86", "2.73"),
        ("lambda requests=7440000 duration_ms=2000 memory_mb=1024 free_tier=false", "249.49"),
        ("fargate tasks=150 minutes=10 vcpu=1 memory_gb=2 storage_gb=30", "1.26"),
        ("glue workers=10 worker_type=G.2X hours=1", "8.80"),
        ("glue workers=4 worker_type=R.1X hours=1", "2.08"),
        ("glue dpu=10 hours=1 execution_class=flex", "2.90"),
        ("glue kind=python_shell dpu=0.0625 hours=10", "0.28"),
        ("glue dpu_seconds=7200 execution_class=flex", "0.58"),
        ("emr instance_type=m5.xlarge instances=3 hours=2", "1.44"),
        ("emr instance_type=m5.xlarge instances=1 hours=730 ebs_gb=100", "183.20"),
        ("emr_serverless workers=10 vcpu=4 memory_gb=16 hours=1", "3.03"),
        ("emr_serverless vcpu_hours=40 memory_gb_hours=160", "3.03"),
        ("s3 gb_months=51200", "1177.60"),
        ("s3 gb_months=61200", "1397.60"),
        ("s3 put_requests=100000 get_requests=1000000", "0.90"),
        ("dynamodb writes=1000000 reads=1000000 item_kb=8", "5.25"),
        ("data_transfer internet_gb=100", "9.00"),
    ],
)
def test_total_to_the_cent(text, usd):
    assert cents(price(text)) == Decimal(usd)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("lambda requests=3000000 duration_ms=120 memory_mb=1536 free_tier=true", ["2.33", "0.40"]),
        ("lambda requests=7440000 duration_ms=2000 memory_mb=1024", ["248.00", "1.49"]),
        ("fargate tasks=150 minutes=10 vcpu=1 memory_gb=2 storage_gb=30", ["1.01", "0.22", "0.03"]),
    ],
)
def test_lines_to_the_cent(text, parts):
    service, *pairs = text.split()
    answer = quote(open_book(), parse_usage(service, dict(pair.split("=", 1) for pair in pairs)))
    assert [str(cents(one.usd)) for one in answer.lines] == parts


@pytest.mark.parametrize(
    ("short", "billed"),
    [
        ("glue dpu=10 seconds=5", "glue dpu=10 seconds=60"),
        ("glue kind=crawler dpu=2 minutes=3", "glue kind=crawler dpu=2 minutes=10"),
        ("glue dpu=10 seconds=60.2", "glue dpu=10 seconds=61"),
        ("emr instance_type=m5.xlarge seconds=1", "emr instance_type=m5.xlarge seconds=60"),
        ("fargate vcpu=1 memory_gb=2 seconds=1", "fargate vcpu=1 memory_gb=2 minutes=1"),
        (
            "emr_serverless workers=2 vcpu=4 memory_gb=8 seconds=3",
            "emr_serverless workers=2 vcpu=4 memory_gb=8 minutes=1",
        ),
        ("lambda duration_ms=0.3 memory_mb=128", "lambda duration_ms=1 memory_mb=128"),
    ],
)
def test_minimum_and_increment(short, billed):
    assert price(short) == price(billed)


def test_free_tier_never_pays_back():
    assert price("lambda requests=10 duration_ms=10 memory_mb=128 free_tier=true") == 0


def test_storage_inside_the_free_share_costs_nothing():
    base = price("fargate vcpu=1 memory_gb=2 hours=1")
    assert price("fargate vcpu=1 memory_gb=2 hours=1 storage_gb=20") == base
    assert price("lambda duration_ms=100 memory_mb=512 storage_mb=512") == price(
        "lambda duration_ms=100 memory_mb=512"
    )


def test_arithmetic_is_shown():
    answer = quote(open_book(), parse_usage("glue", {"dpu": "6", "minutes": "15"}))
    assert answer.lines[0].arithmetic == "6 DPU × 900 s ÷ 3600 = 1.5 DPU-hour × $0.44 a DPU-hour = $0.66"


def test_another_region_is_unknown():
    answer = quote(open_book("eu-central-1"), parse_usage("glue", {"dpu": "6", "minutes": "15"}))
    assert answer.total_usd is None
    assert "unknown" in answer.lines[0].arithmetic
    assert "pricing" in answer.warnings[0]


def test_another_region_is_known_by_override():
    assert cents(
        price("glue dpu=6 minutes=15", region="eu-central-1", overrides={"glue.spark.dpu_hour": 0.48})
    ) == Decimal("0.72")


def test_one_unknown_line_makes_the_total_unknown():
    usage = parse_usage("fargate", {"vcpu": "1", "memory_gb": "2", "hours": "1"})
    answer = quote(open_book("eu-west-1", {"fargate.x86.vcpu_second": 0.00001}), usage)
    assert [one.usd is None for one in answer.lines] == [False, True]
    assert answer.total_usd is None


def test_override_of_any_instance_type_and_model():
    overrides = {"ec2.x9.large.instance_hour": 1.0, "emr.x9.large.instance_hour": 0.25}
    assert price("emr instance_type=x9.large hours=2", overrides=overrides) == 2.5
    assert price("emr instance_type=x9.large hours=2") is None
    tokens = {"bedrock.m.input_token": 3.0, "bedrock.m.output_token": 15.0}
    assert price("bedrock model_id=m input_tokens=1000000 output_tokens=100000", overrides=tokens) == 4.5


def test_unknown_override_names_a_near_key():
    with pytest.raises(UnknownPriceKeyError, match=r"glue\.spark\.dpu_hour"):
        open_book(overrides={"glue.dpu_hour": 0.4})


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("gleu dpu=1", 'did you mean "glue"'),
        ("glue dpus=6 minutes=15", 'did you mean "dpu"'),
        ("glue dpu=six minutes=15", "dpu"),
        ("glue minutes=15", "give dpu, or workers"),
        ("glue dpu=6 minutes=15 hours=1", "one of seconds, minutes, hours"),
        ("glue dpu=-1 minutes=15", "greater than 0"),
        ("glue dpu=6", "one of seconds, minutes, hours; got none"),
        ("glue kind=python_shell dpu=3 minutes=1", "0.0625 or 1"),
        ("lambda duration_ms=1 memory_mb=20000", "10240"),
    ],
)
def test_bad_usage_says_what_to_write(text, hint):
    service, *pairs = text.split()
    with pytest.raises(BadUsageError, match=hint):
        parse_usage(service, dict(pair.split("=", 1) for pair in pairs))
