import random

import pytest

from etl_platform.compliance.detect import detect
from etl_platform.compliance.pii_kinds import iban, luhn, shape_of

CARDS = ["4111 1111 1111 1111", "5500-0000-0000-0004", "340000000000009", "6011000000000004"]
"""Numbers that card networks publish for tests."""


def kinds(columns, samples=None, declared=()):
    return {one.column: one.kind for one in detect(columns, samples or {}, declared)}


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        ("customerEmail", "email"),
        ("E_MAIL", "email"),
        ("SSN", "social_security_number"),
        ("home_phone_number", "phone"),
        ("first_name", "person_name"),
        ("dateOfBirth", "date_of_birth"),
        ("creditCardNumber", "payment_card"),
        ("client_ip", "ip_address"),
        ("billing_address", "postal_address"),
        ("icd10", "health"),
        ("passport_no", "identity_document"),
    ],
)
def test_names_tell(column, kind):
    assert kinds([column]) == {column: kind}


@pytest.mark.parametrize(
    "column",
    ["order_id", "product_name", "amount", "shipped_at", "panel", "ipsum", "mailing_list_size", "cellar"],
)
def test_other_names_tell_nothing(column):
    assert kinds([column]) == {}


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["a@x.org", "b.c@y.co.uk", "none"], "email"),
        (CARDS, "payment_card"),
        (["219-09-9999", "078-05-1120", "457-55-5462"], "social_security_number"),
        (
            ["DE89 3704 0044 0532 0130 00", "GB29NWBK60161331926819", "FR1420041010050500013M02606"],
            "bank_account",
        ),
        (["10.0.0.1", "192.168.1.254", "2001:db8::1"], "ip_address"),
        (["+49 30 901820", "(030) 901820", "415-555-2671"], "phone"),
    ],
)
def test_values_tell(values, kind):
    assert kinds(["x"], {"x": values}) == {"x": kind}


def test_random_numbers_of_a_cards_length_are_no_cards():
    numbers = random.Random(7)
    values = [str(numbers.randrange(10**15, 10**16)) for _ in range(500)]
    assert kinds(["x"], {"x": values}) == {}


@pytest.mark.parametrize(
    "values",
    [
        ["000-12-3456", "666-12-3456", "900-12-3456"],
        ["2024-01-01", "2024-01-02", "2024-01-03"],
        ["300.1.1.1", "1.2.3.999", "10.0.0.256"],
        ["a@x.org", "b@x.org"],
    ],
)
def test_values_that_cannot_be_or_are_too_few_tell_nothing(values):
    assert kinds(["x"], {"x": values}) == {}


def test_evidence_is_counted_and_holds_no_value():
    (found,) = detect(["x"], {"x": [*CARDS, "n/a"]})
    assert found.evidence.startswith("4 of 5 sampled values look like `9+")
    assert found.evidence.endswith("4 of them with a valid check")
    assert (found.values, found.fitting, found.proven) == (5, 4, 4)
    assert not any(card in repr(found) for card in CARDS)


def test_declared_columns_are_found_whatever_they_are():
    (found,) = detect(["Shoe_Size"], {}, ["shoe_size"])
    assert (found.kind, found.declared, found.evidence) == (
        "declared",
        True,
        "declared in `compliance.pii_fields`",
    )


def test_luhn_and_iban():
    assert all(map(luhn, CARDS))
    assert not luhn("4111111111111112")
    assert not luhn("0000000000000000")
    assert iban("DE89370400440532013000")
    assert not iban("DE89370400440532013001")


def test_shapes_tell_no_value():
    assert shape_of("Ann.Lee@example.org") == "a+.a+@a+.a+"
    assert shape_of("4111 1111") == "9+ 9+"
