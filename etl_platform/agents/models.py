"""The model that agents run on, as the configuration says; never one that it does not name."""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from etl_platform.config.models.agents import AgentModel
from etl_platform.config.project import Config
from etl_platform.config.secrets import resolve_secrets

if TYPE_CHECKING:
    from strands.models.model import Model

Provider = str

CONNECT_SECONDS = 5.0
"""A server that takes no connection for so long is down."""

LONGEST_ANSWER = 4096
"""Tokens of one answer: what the smaller models of all providers allow; our answers take some hundreds."""

LLAMACPP_ADDRESS = "http://localhost:8080"
"""Where `llama-server` listens by default."""


class ModelConfigurationError(RuntimeError):
    """A model that cannot be made: the message names the key to set, or what to install."""


def provider_of(config: Config) -> Provider:
    """The configured provider; without one `bedrock` under `aws` with a model id, else `policy`."""
    model = config.settings.agents.model
    if model.provider:
        return model.provider
    return "bedrock" if config.profile == "aws" and model.model_id else "policy"


def model_name(config: Config, agent_name: str) -> str:
    """The model as records name it: `policy:<agent>`, or `<provider>:<model id>`."""
    provider = provider_of(config)
    if provider == "policy":
        return f"policy:{agent_name}"
    return f"{provider}:{config.settings.agents.model.model_id}"


def language_model(config: Config) -> "Model":
    """The client of the configured language model; each call ends within the time of an invocation.

    Raises:
        ModelConfigurationError: A key or a library is missing.
        UnknownSecretError: The key's secret is missing.
    """
    provider, settings = provider_of(config), config.settings.agents.model
    if provider == "policy":
        raise ModelConfigurationError("the provider `policy` has no language model.")
    if not settings.model_id:
        raise ModelConfigurationError(
            f"agents.model.provider is {provider}, which needs `agents.model.model_id`: the model to ask."
        )
    api_key = resolve_secrets(settings.api_key, config) if settings.api_key else None
    try:
        return _MAKERS[provider](config, settings, settings.model_id, api_key)
    except ModuleNotFoundError as error:
        raise ModelConfigurationError(
            f"agents.model.provider is {provider}, and its library `{error.name}` is not installed: "
            'pip install "etl-platform[llm]"'
        ) from error


def _answer_tokens(settings: AgentModel) -> int:
    return min(LONGEST_ANSWER, settings.max_tokens)


def _bedrock(config: Config, settings: AgentModel, model_id: str, api_key: str | None) -> "Model":
    from botocore.config import Config as ClientConfig
    from strands.models.bedrock import BedrockModel

    return BedrockModel(
        model_id=model_id,
        region_name=settings.region or config.settings.aws_region,
        endpoint_url=settings.base_url,
        api_key=api_key,
        max_tokens=_answer_tokens(settings),
        # A blocking read cannot be cancelled; the agent loop retries by itself.
        boto_client_config=ClientConfig(
            connect_timeout=min(CONNECT_SECONDS, settings.timeout_seconds),
            read_timeout=settings.timeout_seconds,
            retries={"total_max_attempts": 1},
        ),
    )


def _openai(config: Config, settings: AgentModel, model_id: str, api_key: str | None) -> "Model":
    from strands.models.openai import OpenAIModel

    arguments = {"timeout": settings.timeout_seconds, "max_retries": 0, "base_url": settings.base_url}
    # A server of one's own must not be sent the key of OpenAI that stands in the environment.
    key = api_key or ("none" if settings.base_url else None)
    limit = "max_tokens" if settings.base_url else "max_completion_tokens"
    return OpenAIModel(
        client_args=arguments | ({"api_key": key} if key else {}),
        model_id=model_id,
        params={limit: _answer_tokens(settings)},
    )


def _ollama(config: Config, settings: AgentModel, model_id: str, api_key: str | None) -> "Model":
    from strands.models.ollama import OllamaModel

    headers = {"headers": {"Authorization": f"Bearer {api_key}"}} if api_key else {}
    return OllamaModel(
        settings.base_url,
        ollama_client_args={"timeout": settings.timeout_seconds, **headers},
        model_id=model_id,
        max_tokens=_answer_tokens(settings),
    )


def _litellm(config: Config, settings: AgentModel, model_id: str, api_key: str | None) -> "Model":
    # Else the import fetches a table of prices from the network.
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    from strands.models.litellm import LiteLLMModel

    arguments = {
        "timeout": settings.timeout_seconds,
        "num_retries": 0,
        "max_retries": 0,
        "api_key": api_key,
        "api_base": settings.base_url,
    }
    return LiteLLMModel(
        client_args={name: value for name, value in arguments.items() if value is not None},
        model_id=model_id,
        params={"max_tokens": _answer_tokens(settings)},
    )


def _llamacpp(config: Config, settings: AgentModel, model_id: str, api_key: str | None) -> "Model":
    from strands.models.llamacpp import LlamaCppModel

    if api_key:
        raise ModelConfigurationError(
            "agents.model.api_key: the client of llama.cpp sends none; leave it out."
        )
    return LlamaCppModel(
        settings.base_url or LLAMACPP_ADDRESS,
        timeout=settings.timeout_seconds,
        model_id=model_id,
        params={"max_tokens": _answer_tokens(settings)},
    )


_MAKERS: dict[Provider, Callable[[Config, AgentModel, str, str | None], "Model"]] = {
    "bedrock": _bedrock,
    "openai": _openai,
    "ollama": _ollama,
    "litellm": _litellm,
    "llamacpp": _llamacpp,
}
