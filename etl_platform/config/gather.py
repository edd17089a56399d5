"""`include`: one configuration out of several files."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from etl_platform.config.document import Document, read
from etl_platform.config.faults import ConfigError, did_you_mean
from etl_platform.config.findings import Findings
from etl_platform.config.origin import JOB_LAYER, Origin, Patched, Traced, Written
from etl_platform.config.templates import is_comment

_INCLUDED_KEYS = ("jobs", "templates", "variables")


@dataclass
class Gathered:
    """What the files of a configuration hold together.

    Attributes:
        top: The main file's own object, with its comments.
        jobs: The jobs of all files, in their order.
        templates: Name to template.
        variables: The objects of variables of all files, as one.
    """

    top: Traced
    jobs: list[Traced] = field(default_factory=list)
    templates: dict[str, Traced] = field(default_factory=dict)
    variables: Traced = field(init=False)

    def __post_init__(self) -> None:
        self.variables = Traced({}, Patched(self.top.origin.child("variables"), {}))


def gather(path: Path, findings: Findings) -> Gathered:
    """Read a configuration file and the files that it includes.

    Raises:
        ConfigError: The main file cannot be read at all.
    """
    main = read(path)
    findings.faults.extend(main.faults)
    top = Traced(main.value, Written(main, ()))
    if not isinstance(main.value, dict):
        findings.fault(top.origin, "the file must hold an object")
        findings.stop_if_faulty()
    gathered = Gathered(top)
    for document in [main, *_included(top, findings)]:
        _add(document, gathered, findings)
    return gathered


def _included(top: Traced, findings: Findings) -> Iterable[Document]:
    patterns = top.value.get("include", [])
    if not isinstance(patterns, list):
        return  # The typed check of the top level says so.
    main = top.origin.written().document.text.path
    seen = {main.resolve()}
    for index, pattern in enumerate(patterns):
        origin = top.origin.child("include").child(index)
        if not isinstance(pattern, str):
            continue
        paths = _matches(main.parent, pattern, origin, findings)
        for path in sorted(paths):
            if path.resolve() in seen:
                continue
            seen.add(path.resolve())
            try:
                document = read(path)
            except ConfigError as error:
                findings.faults.extend(error.faults)
                continue
            findings.faults.extend(document.faults)
            if isinstance(document.value, dict):
                _check_included(document, findings)
                yield document
            else:
                findings.fault(Written(document, ()), "an included file must hold an object")


def _matches(folder: Path, pattern: str, origin: Origin, findings: Findings) -> list[Path]:
    try:
        # An absolute pattern is taken apart, because `glob` starts at a folder.
        anchor = Path(pattern).anchor
        start, rest = (Path(anchor), pattern[len(anchor) :]) if anchor else (folder, pattern)
        found = [path for path in start.glob(rest) if path.is_file()]
    except (ValueError, NotImplementedError) as error:
        findings.fault(origin, f"the pattern cannot be read: {error}")
        return []
    if not found:
        findings.fault(origin, f"no file matches {pattern} in {folder.resolve()}")
    return found


def _check_included(document: Document, findings: Findings) -> None:
    for key in document.value:
        if key not in _INCLUDED_KEYS and not is_comment(key):
            hint = did_you_mean(key, _INCLUDED_KEYS)
            message = f"an included file holds only jobs, templates and variables{hint}"
            findings.fault(Written(document, ()), message, key=key)
    for key, kind in (("jobs", list), ("templates", dict), ("variables", dict)):
        if key in document.value and not isinstance(document.value[key], kind):
            expected = "a list" if kind is list else "an object"
            findings.fault(Written(document, (key,)), f"expected {expected}")


def _add(document: Document, gathered: Gathered, findings: Findings) -> None:
    jobs = document.value.get("jobs")
    if isinstance(jobs, list):
        gathered.jobs += [
            Traced(job, Written(document, ("jobs", i), JOB_LAYER)) for i, job in enumerate(jobs)
        ]
    templates = document.value.get("templates")
    if isinstance(templates, dict):
        for name, value in templates.items():
            if is_comment(name):
                continue
            layered = Traced(value, Written(document, ("templates", name), f"template {name}"))
            if _is_new("template", name, layered, gathered.templates.get(name), findings):
                gathered.templates[name] = layered
    variables = document.value.get("variables")
    if isinstance(variables, dict):
        value: dict[str, Any] = dict(gathered.variables.value)
        parts: dict[str | int, Origin] = {key: gathered.variables.origin.child(key) for key in value}
        for name, variable in variables.items():
            layered = Traced(variable, Written(document, ("variables", name), f"variable {name}"))
            known = gathered.variables.child(name) if name in value else None
            if is_comment(name) or not _is_new("variable", name, layered, known, findings):
                continue
            value[name], parts[name] = variable, layered.origin
        gathered.variables = Traced(value, Patched(gathered.variables.origin, parts))


def _is_new(kind: str, name: str, found: Traced, known: Traced | None, findings: Findings) -> bool:
    if known is None:
        return True
    place = known.origin.written()
    line, column = place.document.place(place.path, key=True)
    message = f'{kind} "{name}" is also defined in {place.document.text.path}:{line}:{column}'
    here = found.origin.written()
    findings.fault(Written(here.document, here.path[:-1]), message, key=name)
    return False
