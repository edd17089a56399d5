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


@pytest.mark.parametrize(
    ("kind", "usd"),
    [
        ("m5.4xlarge", "0.96"),
        ("m5a.2xlarge", "0.43"),
        ("m6i.xlarge", "0.24"),
        ("m6g.xlarge", "0.1925"),
        ("r6g.2xlarge", "0.504"),
        ("r6i.4xlarge", "1.26"),
        ("c5.xlarge", "0.2125"),
        ("c6i.4xlarge", "0.85"),
        ("c6g.4xlarge", "0.68"),
    ],
)
def test_a_size_costs_in_proportion_to_its_family(kind, usd):
    assert price(f"emr instance_type={kind} hours=1") == pytest.approx(float(usd))


def test_an_uplift_above_the_highest_that_is_known_is_unknown():
    book = open_book()
    assert book.price("ec2.m5.16xlarge.instance_hour") is not None
    assert book.price("emr.m5.16xlarge.instance_hour") is None
    assert price("emr instance_type=m5.16xlarge hours=1") is None


@pytest.mark.parametrize("kind", ["x9.2xlarge", "m4.16xlarge", "m5.metal"])
def test_a_family_that_is_not_known_to_scale_has_no_price(kind):
    assert open_book().price(f"ec2.{kind}.instance_hour") is None


def test_a_cluster_pays_each_node_by_its_type_and_the_volumes_of_emr():
    text = "emr primary_type=m5.xlarge worker_type=m5.2xlarge workers=4 seconds=1375"
    nodes, volumes = (0.24 + 4 * 0.48) * 1375 / 3600, (64 + 4 * 128) * 0.10 / 730 * 1375 / 3600
    assert nodes == pytest.approx(0.825)
    assert price(text) == pytest.approx(nodes + volumes)


def test_a_type_with_disks_of_its_own_has_no_volumes():
    overrides = {"ec2.m5d.xlarge.instance_hour": 0.226, "emr.m5d.xlarge.instance_hour": 0.057}
    text = "emr primary_type=m5d.xlarge worker_type=m5d.xlarge workers=1 hours=1"
    assert price(text, overrides=overrides) == pytest.approx(2 * (0.226 + 0.057))


def test_spot_nodes_pay_the_spot_price_and_the_whole_uplift():
    text = "emr primary_type=m5.xlarge worker_type=m5.xlarge workers=4 spot_workers=2 hours=1"
    volumes = 5 * 64 * 0.10 / 730
    spot = price(text, overrides={"ec2.m5.xlarge.spot_hour": 0.07})
    assert spot == pytest.approx(3 * 0.24 + 2 * (0.07 + 0.048) + volumes)


def test_spot_nodes_of_unknown_price_are_priced_as_on_demand_and_said_to_be():
    cluster = {"primary_type": "m5.xlarge", "worker_type": "m5.xlarge", "workers": "4", "hours": "1"}
    book = open_book()
    plain = quote(book, parse_usage("emr", cluster))
    spot = quote(book, parse_usage("emr", cluster | {"spot_workers": "2"}))
    assert spot.total_usd == pytest.approx(plain.total_usd)
    assert not any("spot" in one for one in plain.warnings)
    assert any("spot price of m5.xlarge is unknown" in one and "upper bound" in one for one in spot.warnings)


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
    answer = quote(open_book("il-central-1"), parse_usage("glue", {"dpu": "6", "minutes": "15"}))
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
        ("lambda seconds=10 memory_mb=512", "milliseconds of one run as duration_ms"),
        ("lambda memory_mb=512", '"duration_ms" is missing'),
        ("glue dpu=six minutes=15", 'dpu: expected a number, found "six"'),
        ("glue dpu=nan minutes=15", 'dpu: expected a number, found "nan"'),
        ("glue dpu=inf minutes=15", 'dpu: expected a number, found "inf"'),
        ("glue dpu=1e400 minutes=15", "dpu is larger than anything that has a price"),
        ("glue workers=2.5 minutes=15", 'workers: expected a whole number, found "2.5"'),
        ("glue kind=ray dpu=1 minutes=1", '"ray" is not one of spark, session'),
        ("lambda duration_ms=1 memory_mb=512 free_tier=perhaps", "expected true or false"),
        ("s3", "nothing is given to be priced. Known parameters: gb_months"),
        ("emr primary_type=m5.xlarge worker_type=m5.xlarge workers=1 spot_workers=2 hours=1", "2 > 1"),
    ],
)
def test_bad_usage_says_what_to_write(text, hint):
    service, *pairs = text.split()
    with pytest.raises(BadUsageError, match=hint):
        parse_usage(service, dict(pair.split("=", 1) for pair in pairs))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("emr instance_type=m5.xlarge hours=1", "$0.048 an instance-hour"),
        ("glue workers=1 worker_type=R.1X hours=1", "$0.52 an M-DPU-hour"),
        ("glue dpu=1 hours=1", "$0.44 a DPU-hour"),
        ("glue dpu=7 seconds=1000", "1.944444 DPU-hour × $0.44 a DPU-hour = $0.855556"),
    ],
)
def test_arithmetic_reads_well(text, words):
    service, *pairs = text.split()
    answer = quote(open_book(), parse_usage(service, dict(pair.split("=", 1) for pair in pairs)))
    assert words in answer.lines[0].arithmetic
