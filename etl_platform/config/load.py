"""From a configuration file to a `Config` without faults, or to the list of all its faults."""

import gc
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, cast, get_args

from etl_platform.config.branches import check_branches
from etl_platform.config.checks import graph
from etl_platform.config.checks.graph import Declared
from etl_platform.config.checks.job import problems
from etl_platform.config.checks.problem import NOTHING, Problem
from etl_platform.config.conditions import ELSE, THEN, conditions_of
from etl_platform.config.faults import ConfigError, Fault
from etl_platform.config.findings import Findings
from etl_platform.config.gather import Gathered, gather
from etl_platform.config.models.envelope import Envelope
from etl_platform.config.models.global_settings import GlobalSettings
from etl_platform.config.models.job import Job
from etl_platform.config.origin import Origin, Traced, origin_at
from etl_platform.config.project import Config, Place
from etl_platform.config.regions import region_problem
from etl_platform.config.resolve import Resolver
from etl_platform.config.secrecy import shown
from etl_platform.config.sound import Sound, sound_part
from etl_platform.config.source_types import SourceTypeError, job_model
from etl_platform.config.templates import Templates
from etl_platform.config.typed import typed

PROFILE_VARIABLE: Final = "ETL_PLATFORM_PROFILE"
READ_VERSION: Final = "2"
Profile = Literal["local", "aws"]

_APART: Final = {"templates": dict, "variables": dict, "jobs": list}
"""Keys of the top level that are resolved by themselves, and the type of each."""


@dataclass(frozen=True)
class Loaded:
    """A configuration, and where each value of it was written.

    Attributes:
        config: The configuration.
        jobs: Job id to the resolved job, before defaults.
        top: The resolved top level, without what is resolved by itself.
    """

    config: Config
    jobs: Mapping[str, Traced]
    top: Traced


def load(path: str | Path, *, strict: bool = False, environ: Mapping[str, str] | None = None) -> Config:
    """Load a configuration.

    Args:
        path: A JSON file, or a YAML file by its suffix.
        strict: Whether an environment variable that is not set is a fault rather than a warning.
        environ: Environment variables; by default those of this process.

    Raises:
        ConfigError: It has faults; the error lists all of them.
    """
    return load_traced(path, strict=strict, environ=environ).config


def load_traced(
    path: str | Path, *, strict: bool = False, environ: Mapping[str, str] | None = None
) -> Loaded:
    """Load a configuration together with the origin of each value.

    Raises:
        ConfigError: It has faults; the error lists all of them.
    """
    path = Path(path)
    environ = os.environ if environ is None else environ
    findings = Findings()
    try:
        model = job_model()
    except SourceTypeError as error:
        raise ConfigError([Fault(path, 1, 1, "", str(error))]) from error
    with _collector_at_rest():
        gathered = gather(path, findings)
        resolver = Resolver(gathered.variables, environ, findings, strict=strict)
        resolver.check_variables()
        top, settings = _top_level(gathered, resolver, findings)
        profile = _profile(environ, settings, gathered.top, findings)
        templates = Templates(gathered.templates, findings)
        expanded = [templates.expand(job) for job in gathered.jobs]
        pieces = [_resolve(piece, resolver, findings) for piece in expanded]
        for template in templates.unused():
            resolver.resolve(template)
        checked = [_declare(piece, model, findings) for piece in pieces]
        declared = [job for job, _ in checked]
        for index, problem in graph.problems(declared):
            _note(problem, checked[index][1], findings)
        _missing_scripts(path.parent, declared, pieces, findings)
        findings.stop_if_faulty()
        config = Config(
            path=path.resolve(),
            jobs=tuple(job.job for job in declared if job.job),
            settings=settings or GlobalSettings(),
            profile=profile,
            warnings=findings.warnings,
            places=_places(declared, gathered.jobs),
        )
    written = {job.job_id: piece for job, piece in zip(declared, pieces, strict=True) if job.job_id}
    return Loaded(config, written, top)


@contextmanager
def _collector_at_rest() -> Iterator[None]:
    """Loading makes many objects and hardly any garbage: the collector would walk them for nothing."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _top_level(
    gathered: Gathered, resolver: Resolver, findings: Findings
) -> tuple[Traced, GlobalSettings | None]:
    top = gathered.top
    for condition in conditions_of(top):
        for branch in (THEN, ELSE):
            chosen = condition.value.get(branch)
            for key in chosen if isinstance(chosen, dict) else ():
                if key in {*_APART, "include", "config_version"}:
                    message = (
                        f"`{key}` cannot depend on a condition of the top level; put the condition inside it"
                    )
                    findings.fault(condition.origin.child(branch), message, key=key)
    plain = {key: _stand_in(key, value) for key, value in top.value.items()}
    resolved = resolver.resolve(Traced(plain, top.origin))
    check_branches(Traced(plain, top.origin), Envelope, findings)
    if gathered.jobs:
        resolved = Traced({"jobs": [], **resolved.value}, resolved.origin)
    envelope = typed(Envelope, resolved, findings)
    version = top.value.get("config_version")
    if isinstance(version, str) and version.split(".")[0].isdigit() and version.split(".")[0] != READ_VERSION:
        message = f"version {version} is not read; this release reads versions {READ_VERSION}.x"
        findings.fault(top.origin.child("config_version"), message)
    settings = envelope.model.global_settings if envelope.model else None
    if settings:
        _regions(settings, envelope.piece, findings)
    return envelope.piece, settings


def _regions(settings: GlobalSettings, top: Traced, findings: Findings) -> None:
    named = {("aws_region",): settings.aws_region, ("pricing", "region"): settings.pricing.region}
    for keys, name in named.items():
        problem = region_problem(name) if name is not None else None
        if problem is None:
            continue
        path = ("global_settings", *keys)
        origin = origin_at(top.origin, path)
        subject = shown(name, path, from_environment=origin.written().from_environment) or "the value"
        note = findings.fault if problem.kind == "fault" else findings.warning
        note(origin, f"{subject} {problem.message}")


def _stand_in(key: str, value: Any) -> Any:
    """An empty value for what is resolved by itself, so that only its type is checked with the top level."""
    kind = _APART.get(key)
    return kind() if kind is not None and isinstance(value, kind) else value


def _profile(
    environ: Mapping[str, str], settings: GlobalSettings | None, top: Traced, findings: Findings
) -> Profile:
    wanted = environ.get(PROFILE_VARIABLE)
    if not wanted:
        return settings.profile if settings else "local"
    if wanted not in get_args(Profile):
        names = " or ".join(get_args(Profile))
        findings.fault(top.origin, f"environment variable {PROFILE_VARIABLE} must be {names}")
        return "local"
    return cast("Profile", wanted)


def _resolve(piece: Traced, resolver: Resolver, findings: Findings) -> Traced:
    resolved = resolver.resolve(piece)
    if resolved.value is not piece.value:
        check_branches(piece, Job, findings)
    return resolved


def _declare(piece: Traced, model: type[Job], findings: Findings) -> tuple[Declared, Sound]:
    checked = typed(model, piece, findings)
    sound = sound_part(model, checked)
    if sound.job is not None:
        for problem in problems(sound.job, sound.unsure):
            _note(problem, sound, findings)
    job_id = piece.value.get("job_id") if isinstance(piece.value, dict) else None
    known = job_id if isinstance(job_id, str) else None
    return Declared(known, _name(piece.origin), sound.job, sound.unsure), sound


def _name(origin: Origin) -> str:
    place = origin.written()
    line, _ = place.document.place(place.path)
    return f"{place.document.text.path}:{line}"


def _note(problem: Problem, sound: Sound, findings: Findings) -> None:
    if sound.explains(problem.path):
        return
    origin = origin_at(sound.piece.origin, problem.path)
    message = problem.message
    if problem.value is not NOTHING:
        written = origin.written()
        path = (*written.path, *problem.path)
        subject = shown(problem.value, path, from_environment=written.from_environment)
        message = f"{subject or 'the value'} {message}"
    findings.fault(origin, message, used_as=problem.path)


def _missing_scripts(
    folder: Path, declared: list[Declared], pieces: list[Traced], findings: Findings
) -> None:
    for entry, piece in zip(declared, pieces, strict=True):
        job = entry.reads("execution")
        script = job.execution.script_path if job else None
        if script and "://" not in script and not (folder / script).is_file():
            origin = origin_at(piece.origin, ("execution", "script_path"))
            findings.warning(origin, f"there is no file {folder / script}")


def _places(declared: list[Declared], jobs: list[Traced]) -> dict[str, Place]:
    places = {}
    for entry, job in zip(declared, jobs, strict=True):
        written = job.origin.written()
        line, _ = written.document.place(written.path)
        places[entry.job_id] = Place(written.document.text.path.resolve(), line)
    return places
