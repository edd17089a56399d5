"""Kinds of personal data: how their columns are called, how their values look, and how a value is proven."""

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Classification = Literal["public", "internal", "confidential", "restricted"]


@dataclass(frozen=True)
class Kind:
    """One kind of personal data.

    Attributes:
        name: Such as `email`.
        classification: Who may see such a column.
        column: Fits the name of such a column, as words joined by `_`; None: names tell nothing.
        value: Fits such a value as a whole; None: values tell nothing.
        proven: Whether a value that fits is one indeed, by check digit or range; None: the form is all.
        health: HIPAA counts it as health data in any case.
    """

    name: str
    classification: Classification
    column: re.Pattern[str] | None = None
    value: re.Pattern[str] | None = None
    proven: Callable[[str], bool] | None = None
    health: bool = False


def luhn(text: str) -> bool:
    """Whether the last digit is the check digit of the others (ISO/IEC 7812-1, annex B)."""
    digits = [int(one) for one in text if one.isdigit()]
    doubled = [each * 2 - 9 * (each > 4) for each in digits[-2::-2]]
    return len(set(digits)) > 1 and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def iban(text: str) -> bool:
    """Whether the check digits of an account number hold (ISO 13616-1, modulo 97)."""
    plain = re.sub(r"\s", "", text).upper()
    return int("".join(str(int(one, 36)) for one in plain[4:] + plain[:4])) % 97 == 1


def social_security(text: str) -> bool:
    """Whether the number can have been issued (US Social Security Administration, "randomization")."""
    area, group, serial = text.split("-")
    return area not in ("000", "666") and area < "900" and group != "00" and serial != "0000"


def internet_address(text: str) -> bool:
    """Whether it is an address of the Internet protocol."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def phone(text: str) -> bool:
    """Whether it has as many digits as a number may have: 7 to 15 (ITU-T E.164)."""
    return 7 <= sum(one.isdigit() for one in text) <= 15


def _words(*names: str) -> re.Pattern[str]:
    return re.compile(rf"(?:^|_)(?:{'|'.join(names)})(?:_|$)")


KINDS: tuple[Kind, ...] = (
    Kind(
        "email",
        "confidential",
        _words("e?mail", "e_mail", "emails?", "e?mail_addr(?:ess)?"),
        re.compile(r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}"),
    ),
    Kind(
        "payment_card",
        "restricted",
        _words("credit_card", "card_(?:no|num|number)", "pan", "cc_?(?:no|num|number)", "creditcard"),
        re.compile(r"\d(?:[ -]?\d){12,18}"),
        luhn,
    ),
    Kind(
        "social_security_number",
        "restricted",
        _words("ssn", "social_security(?:_(?:no|num|number))?"),
        re.compile(r"\d{3}-\d{2}-\d{4}"),
        social_security,
    ),
    Kind(
        "bank_account",
        "restricted",
        _words("iban", "account_(?:no|num|number)", "bank_account"),
        re.compile(r"[A-Za-z]{2}\d{2}(?:\s?[A-Za-z0-9]){11,30}"),
        iban,
    ),
    Kind(
        "ip_address",
        "confidential",
        _words("ip", "ip_?addr(?:ess)?", "client_ip", "remote_addr"),
        re.compile(r"[0-9A-Fa-f:.]{6,45}"),
        internet_address,
    ),
    Kind(
        "phone",
        "confidential",
        _words("phone", "phone_?(?:no|num|number)", "mobile", "cell", "telephone", "fax", "msisdn"),
        # A sign of a phone number is needed: digits alone may be any number.
        re.compile(r"\+\d[\d ()./-]{6,18}|\(\d{2,4}\)[\d ./-]{5,14}|\d{3}[-.]\d{3}[-.]\d{4}"),
        phone,
    ),
    Kind(
        "person_name",
        "confidential",
        _words("(?:first|last|full|given|family|sur|customer|patient|maiden|middle)_?name", "surname"),
    ),
    Kind(
        "postal_address",
        "confidential",
        _words("(?:street|home|postal|mailing|billing|shipping)_?addr(?:ess)?", "address", "street"),
    ),
    Kind("date_of_birth", "confidential", _words("dob", "birth_?(?:date|day)", "date_of_birth", "born")),
    Kind(
        "identity_document",
        "restricted",
        _words(
            "passport(?:_(?:no|num|number))?", "driver_?s?_licen[cs]e", "national_id", "tax_id", "personal_id"
        ),
    ),
    Kind(
        "health",
        "restricted",
        _words(
            "diagnos[ie]s(?:_codes?)?", "icd(?:_?(?:9|10))?", "mrn", "medical_record(?:_(?:no|num|number))?"
        ),
        health=True,
    ),
    Kind("location", "confidential", _words("gps", "geo_?location", "home_(?:lat|lon|latitude|longitude)")),
)
"""The kinds that are looked for; the first that fits a column by its values wins, then by its name."""


def words_of(column: str) -> str:
    """A column's name as lower-case words joined by `_`: `customerEmail` → `customer_email`."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", column)
    return re.sub(r"[^a-z0-9]+", "_", apart.lower()).strip("_")


def shape_of(value: str) -> str:
    """How a value looks without what it says: letters as `a`, digits as `9`, a run of either with `+`."""
    masked = re.sub(r"[^\W\d_]", "a", re.sub(r"\d", "9", value))
    return re.sub(r"(a|9)\1+", r"\1+", masked)
