"""The decision agent in the life of a run: asked ahead where inputs changed, else when the run starts."""

import hashlib
import json
from collections.abc import Sequence

import dagster as dg

from etl_platform.agents.agent import Case, InvalidAnswerError
from etl_platform.agents.models import provider_of
from etl_platform.agents.next_run import next_run
from etl_platform.config.models.job import Job
from etl_platform.config.project import Config
from etl_platform.decide.plan import Plan
from etl_platform.tracking.records import AgentInvocation
from etl_platform.tracking.store import TrackingStore

AGENT_NAME = "decision"
_BEFORE_RUN = ("compliance", "cost_tracking", "learning")


def with_agent(config: Config, job: Job, store: TrackingStore, plan: Plan, now: float) -> Plan:
    """The plan of a run with what the decision agent says.

    A decision that was stored for the next run is taken where nothing that it rests on has changed since;
    else the agent is asked now. It is not asked where the job cannot run, or the agent is switched off.

    Args:
        config: The configuration.
        job: The job.
        store: Where decisions are kept.
        plan: What the engine plans.
        now: Unix seconds.
    """
    if plan.decision is None or not config.settings.agents.decision_agent.enabled:
        return plan
    from etl_platform.agents.decision import AGENT, DecisionAnswer, adopt
    from etl_platform.agents.guard import POLICY

    case, found = Case(config, job, store, now, planned=plan), fingerprint_of(config, plan)
    stored = stored_decision(store, job, found)
    if stored is not None:
        try:
            answer = AGENT.check(case, DecisionAnswer.model_validate(stored.output_response))
            return adopt(case, answer, by_model=not (stored.provider or "").startswith(POLICY))
        except (InvalidAnswerError, ValueError):
            # An older version of the agent wrote it, or a budget was spent since: ask anew.
            pass
    return decide_ahead(case, found)


def ask_before_run(config: Config, job: Job, store: TrackingStore, plan: Plan, now: float) -> None:
    """Let the supervisor say go or no-go, where `supervisor_agent.pre_run` is on.

    Its members are those whose field is not judged elsewhere: the data of the inputs is judged by their
    blocking checks, the place and the size by the decision. By rule alone only what is enforced by law can
    forbid a run, so without a language model nobody is asked unless `enforce_gdpr` or `enforce_hipaa` is on.

    Raises:
        Failure: The run must not start; no retry.
    """
    agents = config.settings.agents
    enforced = agents.compliance_agent.enforce_gdpr or agents.compliance_agent.enforce_hipaa
    if not agents.supervisor_agent.pre_run or plan.decision is None:
        return
    if provider_of(config) == "policy" and not enforced:
        return
    from etl_platform.agents.registry import enabled_agents
    from etl_platform.agents.supervisor import review

    members = {name: agent for name, agent in enabled_agents(config).items() if name in _BEFORE_RUN}
    answer = review(Case(config, job, store, now, planned=plan), members).report.answer
    if answer.go is False:
        raise dg.Failure(
            description=f"{job.job_id} was not started: {' '.join(answer.blocks)} Mend that, or switch the "
            "enforcement off in `agents.compliance_agent`.",
            allow_retries=False,
        )


def decide_ahead(case: Case, fingerprint: str) -> Plan:
    """Ask the agent, keep its answer for the next run of the job, and give the plan with it.

    Args:
        case: What is decided.
        fingerprint: Of what the decision rests on, by `fingerprint_of`.
    """
    from etl_platform.agents.decision import AGENT, adopt
    from etl_platform.agents.guard import invoke

    invocation = invoke(AGENT, case, facts={"input_fingerprint": fingerprint})
    return adopt(case, invocation.answer, by_model=invocation.by_model)


def stored_decision(store: TrackingStore, job: Job, fingerprint: str) -> AgentInvocation | None:
    """The newest decision for the next run of a job, if it rests on the same inputs; None: there is none."""
    decided: Sequence[AgentInvocation] = [
        one for one in store.invocations(next_run(job.job_id)) if one.agent_name == AGENT_NAME and one.success
    ]
    newest = max(decided, key=lambda one: one.timestamp, default=None)
    if newest is None or (newest.input_parameters or {}).get("input_fingerprint") != fingerprint:
        return None
    return newest


def fingerprint_of(config: Config, plan: Plan) -> str:
    """Of all that an agent's decision rests on: the engine's inputs, the sources' columns, the script."""
    inputs = {
        "engine": plan.decision.fingerprint if plan.decision else plan.refusal,
        "columns": {name: one.columns for name, one in plan.stats.items()},
        "script": script_hash(config, plan.job),
        "model": config.settings.agents.model.model_dump(mode="json", exclude={"api_key"}),
    }
    return hashlib.sha256(json.dumps(inputs, sort_keys=True, default=str).encode()).hexdigest()[:16]


def script_hash(config: Config, job: Job) -> str | None:
    """Of the text of a job's script; None where it is not on this machine."""
    script = job.execution.script_path
    path = config.resolve(script) if script and "://" not in script else None
    return hashlib.sha256(path.read_bytes()).hexdigest() if path and path.is_file() else None
