"""The Price List API, spoken over HTTP by a small server in its place."""

import json
import threading
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from etl_platform.pricing.book import open_book, packaged_prices
from etl_platform.pricing.emr import EmrCluster
from etl_platform.pricing.quote import quote
from etl_platform.pricing.refresh import RefreshError, refresh_prices

pytestmark = pytest.mark.slow


def product(usage_type: str, *tiers: tuple[str, str]) -> str:
    dimensions = {
        str(n): {"beginRange": begin, "pricePerUnit": {"USD": usd}} for n, (begin, usd) in enumerate(tiers)
    }
    return json.dumps(
        {
            "product": {"attributes": {"usagetype": usage_type}},
            "terms": {"OnDemand": {"t": {"priceDimensions": dimensions}}},
        }
    )


@pytest.fixture
def api(monkeypatch):
    """A Price List API that answers from a dictionary of service code to pages of products."""
    pages: dict[str, list[list[str]]] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            number = int(request.get("NextToken", 0))
            of_service = pages.get(request["ServiceCode"], [[]])
            answer = {"FormatVersion": "aws_v1", "PriceList": of_service[number]}
            if number + 1 < len(of_service):
                answer["NextToken"] = str(number + 1)
            body = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format, *args):
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL_PRICING", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    yield pages
    server.shutdown()
    thread.join()
    server.server_close()


def test_prices_of_another_region_are_read_by_their_usage_type(api, tmp_path):
    api["AWSGlue"] = [
        [product("EUC1-ETL-DPU-Hour-Gen2", ("0", "0.99"))],
        [product("EUC1-ETL-DPU-Hour", ("0", "0.47")), product("EUC1-ETL-Flex-DPU-Hour", ("0", "0.30"))],
    ]
    api["AmazonS3"] = [[product("EUC1-TimedStorage-ByteHrs", ("51200", "0.0235"), ("0", "0.0245"))]]
    api["AWSLambda"] = [[product("EUC1-Request", ("0", "0"), ("1000000", "0.0000002"))]]
    path = tmp_path / "price_book.json"
    report = refresh_prices("eu-central-1", path, packaged_prices())
    book = open_book("eu-central-1", path=path)
    read = {key: str(price.usd) for key, price in book.prices.items() if price.confirmed}
    assert read == {
        "glue.spark.dpu_hour": "0.47",
        "glue.flex.dpu_hour": "0.3",
        "s3.standard.gb_month.first_50_tb": "0.0245",
        "s3.standard.gb_month.over_50_tb": "0.0235",
        "lambda.request": "0.2",
    }
    assert any("glue.crawler.dpu_hour: not in the Price List API" in sentence for sentence in report)
    assert open_book(path=path).prices == open_book().prices
    kept = book.price("emr_serverless.vcpu_hour")
    assert kept and not kept.confirmed


def test_a_price_of_the_home_region_is_confirmed_and_its_change_told(api, tmp_path):
    api["AWSGlue"] = [[product("USE1-ETL-DPU-Hour", ("0", "0.40"))]]
    path = tmp_path / "price_book.json"
    report = refresh_prices("us-east-1", path, packaged_prices())
    assert "glue.spark.dpu_hour: 0.44 → 0.4" in report
    price = open_book(path=path).price("glue.spark.dpu_hour")
    assert price and price.confirmed and price.source == "AWS Price List API"


def test_an_empty_answer_writes_nothing(api, tmp_path):
    path = tmp_path / "price_book.json"
    with pytest.raises(RefreshError, match="knows no price"):
        refresh_prices("us-east-1", path, packaged_prices())
    assert not path.exists()


def test_without_credentials_the_error_names_the_permission(monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(RefreshError, match="pricing:GetProducts"):
        refresh_prices("us-east-1", tmp_path / "price_book.json", packaged_prices())


def test_a_cluster_can_be_priced_in_another_region_after_a_refresh(api, tmp_path):
    api["AmazonEC2"] = [
        [
            product("EUC1-BoxUsage:m6g.xlarge", ("0", "0.184")),
            product("EUC1-EBS:VolumeUsage.gp2", ("0", "0.119")),
        ]
    ]
    api["ElasticMapReduce"] = [[product("EUC1-BoxUsage:m6g.xlarge", ("0", "0.046"))]]
    path = tmp_path / "price_book.json"
    refresh_prices("eu-central-1", path, packaged_prices())
    book = open_book("eu-central-1", path=path)
    cluster = EmrCluster(primary_type="m6g.xlarge", worker_type="m6g.2xlarge", workers=2, hours=Decimal(1))
    nodes, volumes = 5 * (0.184 + 0.046), (64 + 2 * 128) * 0.119 / 730
    assert quote(book, cluster).total_usd == pytest.approx(nodes + volumes)
