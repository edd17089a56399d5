"""The agents by name; each module is imported when its agent is first asked for."""

from importlib import import_module
from typing import Any

from etl_platform.agents.agent import Agent, Case
from etl_platform.agents.breaker import agent_names
from etl_platform.config.project import Config
from etl_platform.tracking.records import Recommendation

MODULES = {
    "decision": "decision",
    "cost_tracking": "cost",
    "quality": "quality",
    "compliance": "compliance",
    "optimization": "optimization",
    "learning": "learning",
}
"""Name of an agent to its module in this package, which exports it as `AGENT`."""


def agent(name: str) -> Agent[Any]:
    """The agent of that name, one of `MODULES`."""
    return import_module(f"etl_platform.agents.{MODULES[name]}").AGENT


def recommendations_of(name: str, case: Case, answer: Any) -> list[Recommendation]:
    """What follows from an answer of an agent, for the record of a run; nothing where it only explains."""
    module = import_module(f"etl_platform.agents.{MODULES[name]}")
    return module.recommendations(case, answer) if hasattr(module, "recommendations") else []


def enabled(config: Config, name: str) -> bool:
    """Whether `agents.<name>_agent.enabled` lets the agent be asked."""
    return getattr(config.settings.agents, f"{name}_agent").enabled


def enabled_agents(config: Config) -> dict[str, Agent[Any]]:
    """The agents that may be asked, by name, without the supervisor, which asks them."""
    return {name: agent(name) for name in agent_names() if name in MODULES and enabled(config, name)}
