"""Lay out the data of the retail example, with defects whose number is known.

    python examples/retail/data.py [ROOT]

ROOT is the local root; without it, the one of etl_config.json. What is there already is left alone. The same
rows come out every time, save that all times end on the day of the call, as rules ask for the last days.
"""

import json
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pandas as pd

SEED = 20240121
BUCKET = "retail-data-lake"
CUSTOMERS, PRODUCTS, STORES = 2_000, 300, 40
TRANSACTIONS, ORDERS, EVENTS, PROFILES = 50_000, 30_000, 8_000, 1_500
CATEGORIES = ("books", "garden", "kitchen", "music", "sports", "toys")
UNKNOWN_ID = 900_000  # ids from here on belong to nobody

PLANTED = {
    "customer_order_summary": {
        "transactions.completeness__transaction_id": 0,
        "transactions.completeness__customer_id": 25,
        "transactions.accuracy__amount__range": 40,
        "transactions.accuracy__transaction_at__date_range": 12,
        "transactions.accuracy__payment_method__allowed_values": 15,
        "transactions.accuracy__store_code__type": 9,
        "transactions.duplicates__transaction_id": 60,
        "transactions.integrity__customer_id__customers": 30,
        "transactions.integrity__product_id__products": 18,
        "transactions.custom__amount_is_price_times_quantity": 22,
        "customers.completeness__email": 50,
        "customers.accuracy__email__regex": 33,
        "customers.accuracy__phone__length": 14,
        "target.completeness__segment": 21,
    },
    "real_time_clickstream": {
        "clickstream_events.completeness__event_id": 0,
        "clickstream_events.completeness__user_id": 70,
        "clickstream_events.accuracy__event_type__allowed_values": 45,
        "clickstream_events.accuracy__dwell_ms__range": 16,
        "clickstream_events.duplicates__event_id": 120,
        "clickstream_events.integrity__user_id__user_profiles": 20,
        "user_profiles.accuracy__country__regex": 8,
    },
    "multi_table_analytics": {
        "orders.completeness__order_id": 0,
        "orders.accuracy__quantity__range": 26,
        "orders.accuracy__discount_percent__range": 31,
        "orders.integrity__store_id__stores": 19,
        "orders.integrity__product_id__products": 11,
        "orders.integrity__customer_id__customers": 17,
        "products.completeness__category": 4,
        "stores.accuracy__region__allowed_values": 1,
    },
}
"""Job to `dataset.check` to the rows that break it; all other checks find nothing."""


class Rows:
    """Hands out rows of a table, none of them twice, so that each defect stands alone."""

    def __init__(self, rng: np.random.Generator, count: int):
        self._left = rng.permutation(count)

    def take(self, count: int) -> np.ndarray:
        taken, self._left = self._left[:count], self._left[count:]
        return taken


def customers(rng: np.random.Generator) -> pd.DataFrame:
    ids = np.arange(1, CUSTOMERS + 1)
    table = pd.DataFrame(
        {
            "customer_id": ids,
            "name": [f"Customer {number:04d}" for number in ids],
            "email": [f"customer{number}@example.com" for number in ids],
            "phone": [f"+49151{number:07d}" for number in ids],
            "consent": rng.random(CUSTOMERS) < 0.9,
        }
    )
    planted, rows = PLANTED["customer_order_summary"], Rows(rng, CUSTOMERS)
    table.loc[rows.take(planted["customers.completeness__email"]), "email"] = None
    table.loc[rows.take(planted["customers.accuracy__email__regex"]), "email"] = "not-an-address"
    table.loc[rows.take(planted["customers.accuracy__phone__length"]), "phone"] = "0151"
    return table


def products(rng: np.random.Generator) -> pd.DataFrame:
    ids = np.arange(1, PRODUCTS + 1)
    return pd.DataFrame(
        {
            "product_id": ids,
            "name": [f"Product {number:03d}" for number in ids],
            "category": rng.choice(CATEGORIES, PRODUCTS),
            "price": rng.integers(100, 20_000, PRODUCTS) / 100,
        }
    )


def times(rng: np.random.Generator, count: int, end: datetime, days: int) -> pd.Series:
    """Moments of the last days, the newest an hour before the end."""
    seconds = rng.integers(3_600, days * 86_400, count)
    seconds[0] = 3_600
    stamps = pd.Timestamp(end) - pd.to_timedelta(seconds, unit="s")
    return pd.Series(stamps).astype("datetime64[us, UTC]")


def transactions(rng: np.random.Generator, catalog: pd.DataFrame, end: datetime) -> pd.DataFrame:
    count = TRANSACTIONS
    product = rng.integers(1, PRODUCTS + 1, count)
    quantity = rng.integers(1, 6, count)
    price = catalog["price"].to_numpy()[product - 1]
    # Every customer buys, so that each stands in the summary.
    buyers = np.concatenate([np.arange(1, CUSTOMERS + 1), rng.integers(1, CUSTOMERS + 1, count - CUSTOMERS)])
    table = pd.DataFrame(
        {
            "transaction_id": np.arange(1, count + 1),
            "customer_id": pd.array(buyers, dtype="Int64"),
            "product_id": product,
            "store_code": rng.integers(1, STORES + 1, count).astype(str),
            "quantity": quantity,
            "unit_price": price,
            "amount": np.round(quantity * price, 2),
            "payment_method": rng.choice(["card", "cash", "invoice", "wallet"], count),
            "transaction_at": times(rng, count, end, days=90),
        }
    )
    planted = PLANTED["customer_order_summary"]

    def number(check: str) -> int:
        return planted[f"transactions.{check}"]

    # The first rows stay whole: one sale of each customer.
    rows = Rows(rng, count - CUSTOMERS)

    def take(check: str) -> np.ndarray:
        return CUSTOMERS + rows.take(number(check))

    table.loc[take("completeness__customer_id"), "customer_id"] = pd.NA
    table.loc[take("accuracy__amount__range"), "amount"] *= -1
    late = take("accuracy__transaction_at__date_range")
    table.loc[late, "transaction_at"] = pd.Timestamp(end) + pd.Timedelta(days=400)
    table.loc[take("accuracy__payment_method__allowed_values"), "payment_method"] = "bitcoin"
    table.loc[take("accuracy__store_code__type"), "store_code"] = "N/A"
    table.loc[take("integrity__customer_id__customers"), "customer_id"] = UNKNOWN_ID
    table.loc[take("integrity__product_id__products"), "product_id"] = UNKNOWN_ID
    table.loc[take("custom__amount_is_price_times_quantity"), "amount"] += 5.0
    again = table.loc[take("duplicates__transaction_id")]
    return pd.concat([table, again], ignore_index=True)


def segments(rng: np.random.Generator) -> pd.DataFrame:
    without = Rows(rng, CUSTOMERS).take(PLANTED["customer_order_summary"]["target.completeness__segment"])
    kept = np.delete(np.arange(1, CUSTOMERS + 1), without)
    return pd.DataFrame(
        {"customer_id": kept, "segment": rng.choice(["new", "regular", "loyal", "vip"], len(kept))}
    )


def orders(rng: np.random.Generator, catalog: pd.DataFrame, end: datetime) -> pd.DataFrame:
    product = rng.integers(1, PRODUCTS + 1, ORDERS)
    table = pd.DataFrame(
        {
            "order_id": np.arange(1, ORDERS + 1),
            "customer_id": rng.integers(1, CUSTOMERS + 1, ORDERS),
            "product_id": product,
            "store_id": rng.integers(1, STORES + 1, ORDERS),
            "quantity": rng.integers(1, 6, ORDERS),
            "unit_price": catalog["price"].to_numpy()[product - 1],
            "discount_percent": rng.choice([0.0, 5.0, 10.0, 20.0], ORDERS),
            "ordered_at": times(rng, ORDERS, end, days=180),
        }
    )
    planted, rows = PLANTED["multi_table_analytics"], Rows(rng, ORDERS)
    table.loc[rows.take(planted["orders.accuracy__quantity__range"]), "quantity"] = 0
    table.loc[rows.take(planted["orders.accuracy__discount_percent__range"]), "discount_percent"] = 150.0
    for name in ("store", "product", "customer"):
        found = rows.take(planted[f"orders.integrity__{name}_id__{name}s"])
        table.loc[found, f"{name}_id"] = UNKNOWN_ID
    return table


def stores(rng: np.random.Generator) -> pd.DataFrame:
    ids = np.arange(1, STORES + 1)
    table = pd.DataFrame({"store_id": ids, "city": [f"City {n:02d}" for n in ids]})
    table["region"] = rng.choice(["north", "south", "east", "west"], STORES)
    wrong = Rows(rng, STORES).take(
        PLANTED["multi_table_analytics"]["stores.accuracy__region__allowed_values"]
    )
    table.loc[wrong, "region"] = "nowhere"
    return table


def promotions(end: datetime) -> pd.DataFrame:
    starts = [end - timedelta(days=20 * (at + 1)) for at in range(len(CATEGORIES))]
    return pd.DataFrame(
        {
            "category": CATEGORIES,
            "promotion": [f"{category} week" for category in CATEGORIES],
            "starts": [start.date() for start in starts],
            "ends": [(start + timedelta(days=6)).date() for start in starts],
        }
    )


def profiles(rng: np.random.Generator) -> pd.DataFrame:
    table = pd.DataFrame(
        {
            "user_id": [f"u{number:05d}" for number in range(1, PROFILES + 1)],
            "country": rng.choice(["AT", "CH", "DE", "FR"], PROFILES),
            "loyalty": rng.choice(["bronze", "silver", "gold"], PROFILES),
            "consent": rng.random(PROFILES) < 0.9,
        }
    )
    wrong = PLANTED["real_time_clickstream"]["user_profiles.accuracy__country__regex"]
    table.loc[Rows(rng, PROFILES).take(wrong), "country"] = "Germany"
    return table


def events(rng: np.random.Generator, end: datetime) -> pd.DataFrame:
    session = rng.integers(1, EVENTS // 5, EVENTS)
    # The user of a session is the same in all its events.
    user = rng.integers(1, PROFILES + 1, EVENTS // 5)[session]
    at = times(rng, EVENTS, end, days=1).dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    table = pd.DataFrame(
        {
            "event_id": [f"e{number:06d}" for number in range(1, EVENTS + 1)],
            "session_id": [f"s{number:05d}" for number in session],
            "user_id": [f"u{number:05d}" for number in user],
            "event_type": rng.choice(["view", "click", "add_to_cart", "purchase"], EVENTS),
            "page": [f"/products/{number}" for number in rng.integers(1, PRODUCTS + 1, EVENTS)],
            "dwell_ms": rng.integers(10, 60_000, EVENTS),
            "occurred_at": at,
        }
    )
    planted, rows = PLANTED["real_time_clickstream"], Rows(rng, EVENTS)

    def take(check: str) -> np.ndarray:
        return rows.take(planted[f"clickstream_events.{check}"])

    table.loc[take("completeness__user_id"), "user_id"] = None
    table.loc[take("accuracy__event_type__allowed_values"), "event_type"] = "hover"
    table.loc[take("accuracy__dwell_ms__range"), "dwell_ms"] = -1
    table.loc[take("integrity__user_id__user_profiles"), "user_id"] = "u99999"
    again = table.loc[take("duplicates__event_id")]
    return pd.concat([table, again], ignore_index=True)


def write_parquet(table: pd.DataFrame, folder: Path, files: int = 1) -> None:
    if folder.exists():
        return
    folder.mkdir(parents=True)
    for number, at in enumerate(np.array_split(np.arange(len(table)), files)):
        table.iloc[at].to_parquet(folder / f"part-{number}.parquet", index=False)


def write_lines(table: pd.DataFrame, folder: Path) -> None:
    if folder.exists():
        return
    folder.mkdir(parents=True)
    records = table.astype(object).where(table.notna(), None).to_dict("records")
    (folder / "data.json").write_text("".join(json.dumps(record) + "\n" for record in records))


def lay_out(root: Path, end: datetime) -> None:
    """Write the tables of Glue, Redshift, RDS and DynamoDB, the stream and the files in S3.

    Args:
        root: The local root.
        end: The day that all times end on, UTC.
    """
    rng = np.random.default_rng(SEED)
    catalog = products(rng)
    lake = root / "s3" / BUCKET
    write_parquet(customers(rng), root / "glue" / "master_db" / "customers")
    write_parquet(catalog, root / "glue" / "analytics_db" / "dim_products")
    sales = transactions(rng, catalog, end)
    write_parquet(sales, root / "glue" / "analytics_db" / "fact_transactions", files=4)
    write_parquet(segments(rng), lake / "dimensions" / "customer_segments")
    write_parquet(orders(rng, catalog, end), root / "glue" / "sales_db" / "orders", files=2)
    without = PLANTED["multi_table_analytics"]["products.completeness__category"]
    catalog.loc[Rows(rng, PRODUCTS).take(without), "category"] = None
    write_parquet(catalog, root / "redshift" / "analytics-cluster" / "master_db" / "public" / "products")
    write_parquet(stores(rng), root / "rds" / "operational-db" / "retail" / "stores")
    write_lines(profiles(rng), root / "dynamodb" / "user-profiles-prod")
    write_lines(events(rng, end), root / "kinesis" / "clickstream-events-prod")
    reference = lake / "reference" / "promotions"
    if not reference.exists():
        reference.mkdir(parents=True)
        promotions(end).to_csv(reference / "promotions.csv", index=False)


def configured_root() -> Path:
    from etl_platform.config.load import load

    return load(Path(__file__).with_name("etl_config.json")).local_root


if __name__ == "__main__":
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else configured_root()
    today = datetime.now(timezone.utc).replace(hour=0, minute=0, second=0, microsecond=0)
    lay_out(root.resolve(), today)
    print(f"The retailer's data is in {root}.")
