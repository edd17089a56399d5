"""What a store lacks of what this package expects of it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Difference:
    """Something that a store has not, or has in another way.

    Attributes:
        place: Table, index or file.
        aspect: Such as `table`, `index`, `ttl`.
        expected: How it should be.
        found: How it was found.
        made: True: `init` made it so, or began to. False: nothing was changed.
    """

    place: str
    aspect: str
    expected: str
    found: str
    made: bool
