"""Patterns that people write, and the letters to try them on."""

TEXTS = (
    "abkszAKSZ019 _-.@\t\n\u00e9\u00df\u0130\u0131\u017f\u212a\u0663\u00b2\u20ac\U0001f600"
    "\u00a0\u2028\x0b\x1c\x85"
)

PATTERNS = [
    "a",
    "^a",
    "a$",
    "^a|b$",
    r"^\d{3}$",
    r"^\d+\.\d{2}$",
    r"^[A-Z]{2}$",
    r"^[^@\s]+@[^@\s]+\.[a-z]{2,}$",
    r"^\w+$",
    r"^\W$",
    r"\s",
    r"^\S+\Z",
    r"^.+$",
    r"(?s)^.$",
    r"(?i)^[a-k]s*$",
    r"(?i)kis",
    r"(?i:K)s",
    r"^(?:a|bc?)*$",
    r"^(a+?)(b{0,2})$",
    r"^$",
    "",
    r"[\d.-]+€",
    r"^[^a-z0-9]*$",
    r"\.",
    r"é|ß",
    r"^\D*$",
    r"(?x) ^ a  # a letter",
    r"^(?P<year>\d{4})-(?P<month>0[1-9]|1[0-2])$",
]
