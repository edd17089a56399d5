"""Where a script's `import awsglue` is found on a machine that is not one of Glue's."""

import importlib.util
from pathlib import Path

from etl_platform.runtime.script_facts import imported_modules, parse

GLUE_PATH = Path(__file__).parent / "glue_path"
"""The folder to put on the path; nothing else than `awsglue` and `awsgluedq` stands in it."""
_PACKAGES = ("awsglue", "awsgluedq")


def path_for(script_text: str) -> str | None:
    """The folder that a script's process needs on its path, or None.

    None where the script does not import the Glue library, and where the real one is installed.

    Args:
        script_text: The script.
    """
    tree = parse(script_text)
    imported = {name.partition(".")[0] for name in imported_modules(tree)} if tree else set[str]()
    if not imported & set(_PACKAGES):
        return None
    found = importlib.util.find_spec("awsglue")
    installed = found is not None and found.origin is not None and GLUE_PATH not in Path(found.origin).parents
    return None if installed else str(GLUE_PATH)
