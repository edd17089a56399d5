"""Modules that AWS Glue Studio generates imports of, and that exist in Glue only: refused when imported."""

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

from .refusal import NotSupportedLocally

NEAREST = {
    "gs_array_to_cols": 'df.withColumn("a", df["array"][0])',
    "gs_concat": 'df.withColumn(name, concat_ws(separator, "a", "b"))',
    "gs_derived": "df.withColumn(name, expr(expression))",
    "gs_explode": "df.withColumn(name, explode(name)); with nulls explode_outer",
    "gs_flatten": "UnnestFrame.apply(frame=…)",
    "gs_format_timestamp": "df.withColumn(name, date_format(name, pattern))",
    "gs_now": "df.withColumn(name, current_timestamp())",
    "gs_null_rows": 'df.dropna(how="all")',
    "gs_regex_extract": "df.withColumn(name, regexp_extract(column, pattern, 1))",
    "gs_sequence_id": "df.withColumn(name, monotonically_increasing_id())",
    "gs_split": "df.withColumn(name, split(column, pattern))",
    "gs_to_timestamp": "df.withColumn(name, to_timestamp(column, pattern))",
    "gs_uuid": "df.withColumn(name, expr('uuid()'))",
}
"""Module of a generated transform to the same in plain Spark, where `df` is `frame.toDF()`."""
PLAIN = "the same in plain Spark, over frame.toDF()"
MASKING = "toDF() and regexp_replace of the columns that hold personal data"


class StudioModules(MetaPathFinder):
    """Asked last: a module of one of these names that is there is imported as any other."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Refuse the modules of Studio; say nothing of others.

        Raises:
            ModuleNotFoundError: It is a module of Studio; with what to write instead.
        """
        if fullname != "awsglueml" and not fullname.startswith("gs_"):
            return None
        why = "Glue alone has this module, which AWS Glue Studio writes into scripts."
        nearest = MASKING if fullname == "awsglueml" else NEAREST.get(fullname, PLAIN)
        raise ModuleNotFoundError(str(NotSupportedLocally(f"import {fullname}", nearest, why)), name=fullname)


def refuse_modules() -> None:
    """Let importing a module of Studio, where none is found, tell that it is not here."""
    if not any(type(finder).__name__ == StudioModules.__name__ for finder in sys.meta_path):
        sys.meta_path.append(StudioModules())
