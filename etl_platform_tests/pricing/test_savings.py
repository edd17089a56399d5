import pytest

from etl_platform.config.models.job import Job
from etl_platform.pricing.book import open_book
from etl_platform.pricing.savings import savings


def job(**sections) -> Job:
    return Job.model_validate({"job_id": "orders", "execution": {"script_path": "orders.py"}, **sections})


def test_flex_saves_its_share_of_the_compute_cost():
    (flex,) = savings(open_book(), job(), "glue", 1.10)
    assert flex.usd_per_run == pytest.approx(0.375)
    assert "start late" in flex.risk and "execution_class" in flex.how


@pytest.mark.parametrize(
    "size", [{"execution_class": "flex"}, {"worker_type": "G.4X"}, {"worker_type": "R.1X"}]
)
def test_flex_is_not_offered_where_it_cannot_run(size):
    assert savings(open_book(), job(platform=size), "glue", 1.0) == []


def test_a_deadline_is_part_of_the_risk_of_flex():
    (flex,) = savings(open_book(), job(sla={"max_duration_minutes": 30.0}), "glue", 1.0)
    assert "deadline" in flex.risk


def test_spot_without_a_known_price_is_unknown():
    (spot,) = savings(open_book(), job(platform={"instance_type": "m5.xlarge"}), "emr", 1.0)
    assert spot.usd_per_run is None
    assert "ec2.m5.xlarge.spot_hour" in spot.how


def test_spot_saves_on_the_instance_and_not_on_the_uplift():
    book = open_book(overrides={"ec2.m5.xlarge.spot_hour": 0.072})
    size = job(
        platform={"instance_type": "m5.xlarge"}, cost={"spot_instances": {"max_spot_percentage": 100.0}}
    )
    (spot,) = savings(book, size, "emr", 2.40)
    assert spot.usd_per_run == pytest.approx(1.20)


def test_other_platforms_have_neither():
    assert savings(open_book(), job(), "lambda", 1.0) == []
