"""Which model is made of which configuration, and that each real class runs the same loop."""

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from etl_platform.agents.decision import AGENT
from etl_platform.agents.guard import invoke
from etl_platform.agents.models import ModelConfigurationError, language_model, model_name, provider_of
from etl_platform_tests.agents.decision_cases import MODEL_KEY, case, server_model
from etl_platform_tests.agents.model_server import look_up_then, serving


@pytest.mark.parametrize(
    ("profile", "model", "provider"),
    [
        ("local", {}, "policy"),
        ("aws", {}, "policy"),
        ("local", {"model_id": "m"}, "policy"),
        ("aws", {"model_id": "m"}, "bedrock"),
        ("aws", {"model_id": "m", "provider": "policy"}, "policy"),
        ("local", {"model_id": "m", "provider": "ollama"}, "ollama"),
    ],
)
def test_the_provider_follows_the_profile_unless_it_is_named(
    tmp_path: Path, profile: Any, model: dict[str, Any], provider: str
) -> None:
    assert provider_of(case(tmp_path, profile=profile, model=model).config) == provider


def test_the_policy_is_named_after_its_agent(tmp_path: Path) -> None:
    assert model_name(case(tmp_path).config, "quality") == "policy:quality"


def test_a_provider_without_a_model_names_the_key(tmp_path: Path) -> None:
    with pytest.raises(ModelConfigurationError, match=r"agents\.model\.model_id"):
        language_model(case(tmp_path, model={"provider": "openai"}).config)


@pytest.mark.parametrize(
    ("provider", "module"), [("openai", "openai"), ("ollama", "ollama"), ("litellm", "litellm")]
)
def test_a_missing_library_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, provider: str, module: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.delitem(sys.modules, f"strands.models.{provider}", raising=False)
    config = case(tmp_path, model={"provider": provider, "model_id": "m"}).config
    with pytest.raises(ModelConfigurationError, match=r'pip install "etl-platform\[llm\]"'):
        language_model(config)


def test_a_missing_library_leaves_the_answer_to_the_policy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ollama", None)
    monkeypatch.delitem(sys.modules, "strands.models.ollama", raising=False)
    invocation = invoke(AGENT, case(tmp_path, model={"provider": "ollama", "model_id": "m"}))
    assert invocation.provider == "policy:decision"
    assert str(invocation.fallback_reason).startswith("configuration: ")


def test_each_read_ends_within_the_invocation(tmp_path: Path) -> None:
    bedrock: Any = language_model(
        case(tmp_path, model=server_model("bedrock", "http://127.0.0.1:9", timeout_seconds=7.0)).config
    )
    assert bedrock.client.meta.config.read_timeout == 7.0
    assert bedrock.client.meta.config.retries["total_max_attempts"] == 1
    openai: Any = language_model(
        case(tmp_path, model=server_model("openai", "http://127.0.0.1:9", timeout_seconds=7.0)).config
    )
    assert openai.client_args["timeout"] == 7.0
    assert openai.client_args["max_retries"] == 0


def test_a_secret_is_resolved_when_the_model_is_made(tmp_path: Path) -> None:
    one = case(tmp_path, model=server_model("openai", "http://127.0.0.1:9"))
    model: Any = language_model(one.config)
    assert model.client_args["api_key"] == MODEL_KEY
    assert MODEL_KEY not in str(one.config.settings.agents)


def test_a_server_of_ones_own_is_not_sent_the_key_of_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "of-openai")
    keys = {"provider": "openai", "model_id": "m", "base_url": "http://127.0.0.1:9"}
    model: Any = language_model(case(tmp_path, model=keys).config)
    assert model.client_args["api_key"] == "none"


@pytest.mark.slow
@pytest.mark.parametrize("provider", ["bedrock", "openai", "ollama", "litellm", "llamacpp"])
def test_every_class_runs_the_same_loop(tmp_path: Path, provider: str) -> None:
    expected = AGENT.check(plain := case(tmp_path), AGENT.policy(plain, {}))
    with serving(look_up_then(expected.model_dump(mode="json"))) as server:
        invocation = invoke(AGENT, case(tmp_path, model=server_model(provider, server.url)))
    assert invocation.fallback_reason is None
    assert invocation.answer == expected
    assert invocation.by_model
    tokens = invocation.record.tokens_consumed
    assert tokens and (tokens.input_tokens, tokens.output_tokens) == (1000, 200)
    if provider == "litellm":
        assert os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] == "True"
