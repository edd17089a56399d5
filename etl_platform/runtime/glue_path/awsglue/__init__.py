"""The Python interface of AWS Glue on plain PySpark, written from its public documentation alone.

It stands on a job's path as `awsglue` where AWS's own library is not installed. `docs/glue.md` says what is
supported and how it differs from Glue.
"""

import sys

from pyspark import cloudpickle

from .connectcontext import stand_in
from .dynamicframe import DynamicFrame
from .session import on_sail
from .studio import refuse_modules

__all__ = ["DynamicFrame"]

# Functions of this package run in Spark's workers, which need not find it on their own path.
cloudpickle.register_pickle_by_value(sys.modules[__name__])
refuse_modules()

if on_sail():
    stand_in()
