"""A script run the way `python script.py` runs it."""

import runpy
from pathlib import Path


def run_as_main(script: Path) -> None:
    """Run a script as `__main__` in this process, with `sys.argv` as it stands.

    Raises:
        SystemExit: The script ended itself with a status other than 0. With `sys.exit(0)`, a usual last line,
            this returns, because work is left to do after the script.
    """
    try:
        runpy.run_path(str(script), run_name="__main__")
    except SystemExit as end:
        if end.code not in (None, 0):
            raise
