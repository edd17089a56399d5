"""Cases of the tests of agents: a job that may run everywhere, on data of a known size, without a network."""

from pathlib import Path
from typing import Any, Literal

from etl_platform.agents.agent import Case
from etl_platform.config.models.global_settings import GlobalSettings
from etl_platform.config.models.job import Job
from etl_platform.config.project import Config
from etl_platform.tracking.sqlite import SqliteStore
from etl_platform_tests.decide.builders import EVERYWHERE, NOW

MODEL_KEY = "model-key"
"""Value of the secret that the configuration names."""


def case(
    folder: Path,
    *,
    profile: Literal["aws", "local"] = "aws",
    size_gb: float | None = 20.0,
    model: dict[str, Any] | None = None,
    agents: dict[str, Any] | None = None,
    pricing: dict[str, Any] | None = None,
    platform: dict[str, Any] | None = None,
    execution_id: str | None = None,
    **sections: Any,
) -> Case:
    """The case of a job `orders`; `sections` are those of the job."""
    source = {"name": "t", "source_type": "redshift", "cluster": "c", "database": "d", "table": "t"}
    job = Job.model_validate(
        {
            "job_id": "orders",
            "execution": {"sql": "select * from t", "timeout_minutes": 600.0},
            "platform": {**EVERYWHERE, **(platform or {})},
            "data_sources": [{**source, **({} if size_gb is None else {"size_gb": size_gb})}],
            **sections,
        }
    )
    settings = GlobalSettings.model_validate(
        {
            "feature_flags": {"enable_auto_size_detection": False},
            "secrets": {"provider": "env", "prefix": "TEST_"},
            "agents": {"model": model or {}, **(agents or {})},
            "pricing": pricing or {},
        }
    )
    config = Config(path=folder / "etl_config.json", jobs=(job,), settings=settings, profile=profile)
    store = SqliteStore(folder / "tracking.db", clock=lambda: NOW)
    return Case(config, job, store, NOW, execution_id)


def server_model(provider: str, url: str, **keys: Any) -> dict[str, Any]:
    """The section `agents.model` of a server on this machine."""
    base = {"openai": f"{url}/v1", "litellm": f"{url}/v1"}.get(provider, url)
    return {
        "provider": provider,
        "model_id": {"litellm": "openai/test-model"}.get(provider, "test-model"),
        "base_url": base,
        "timeout_seconds": 20.0,
        **({} if provider == "llamacpp" else {"api_key": "${SECRET:MODEL_KEY}"}),
        **keys,
    }
