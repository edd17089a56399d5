from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest

from etl_platform.config.models.global_settings import GlobalSettings
from etl_platform.config.models.job import Job
from etl_platform.config.pending import PENDING, pending
from etl_platform.config.shape import alternatives, fields, sections
from etl_platform_tests.config.files import config, job, loaded


def key_paths(annotation: Any, prefix: str) -> Iterator[str]:
    """Every key path of the language, and every word that a key may have."""
    for kind in alternatives(annotation):
        if get_origin(kind) is list:
            yield from key_paths(get_args(kind)[0], prefix)
        if get_origin(kind) is Literal:
            yield from (f"{prefix}={word}" for word in get_args(kind))
    for section in sections(annotation):
        for key, field in fields(section).items():
            path = f"{prefix}.{key}".removeprefix(".")
            yield path
            yield from key_paths(field.annotation, path)


EXISTING = {*key_paths(Job, ""), *key_paths(GlobalSettings, "global_settings")}


@pytest.mark.parametrize("pattern", PENDING)
def test_the_list_names_only_keys_that_exist(pattern: str) -> None:
    assert any(fnmatchcase(path, pattern) for path in EXISTING)


def test_no_key_is_listed_twice() -> None:
    twice = [path for path in EXISTING if sum(fnmatchcase(path, pattern) for pattern in PENDING) > 1]
    assert twice == []


def test_keys_that_are_used_are_told_with_their_jobs(tmp_path: Path) -> None:
    found = pending(
        loaded(
            tmp_path,
            config(
                job("a", monitoring={"metrics": ["rows"], "enabled": True}),
                job("b", monitoring={"metrics": ["rows"], "cloudwatch_dashboard": None}),
                job("c", compliance={"pii_fields": ["x"], "gdpr_config": {"subject_key": "x"}}),
                global_settings={
                    "agents": {"compliance_agent": {"audit_all_access": True}},
                    "profile": "local",
                },
            ),
        )
    )
    assert [tuple(each) for each in found] == [
        ("monitoring.metrics", ("a", "b")),
        ("compliance.gdpr_config", ("c",)),
        ("global_settings.agents.compliance_agent.audit_all_access", ()),
    ]


def test_what_nobody_uses_is_not_told(tmp_path: Path) -> None:
    assert pending(loaded(tmp_path, config())) == []
