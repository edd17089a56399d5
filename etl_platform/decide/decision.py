"""The decision where a job runs: its preference and the recommendation, held against each other."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

from etl_platform.config.models.base import PlatformName
from etl_platform.config.models.job import Job
from etl_platform.config.project import Config
from etl_platform.decide.confidence import probability_best
from etl_platform.decide.options import NO_ACCOUNT, Forecaster, PlatformOption, Situation, options
from etl_platform.decide.ranking import Goal, best_of, goal_of, over_budget, score, tied
from etl_platform.decide.reasons import dollars_known, footnotes, reason
from etl_platform.tracking.records import Alternative, PlatformDecision

VERSION = "decide-4"
"""Changes with every change of what is decided."""

PLATFORMS: tuple[PlatformName, ...] = get_args(PlatformName)


def with_settings(job: Job, keys: Mapping[str, Any], *, on_demand: bool = False) -> Job:
    """A job with other keys of `platform`, and without spot capacity where it is to run on demand."""
    changed: dict[str, Any] = {}
    if keys:
        changed["platform"] = job.platform.model_copy(update=dict(keys))
    if on_demand:
        spot = job.cost.spot_instances.model_copy(update={"enabled": False})
        changed["cost"] = job.cost.model_copy(update={"spot_instances": spot})
    return job.model_copy(update=changed) if changed else job


class CannotRunError(RuntimeError):
    """A job that cannot run where it may.

    Attributes:
        job_id: The job.
        options: What was looked at, each with its reasons.
    """

    def __init__(self, job_id: str, why: str, options: Sequence[PlatformOption]):
        self.job_id = job_id
        self.options = tuple(options)
        reasons = " ".join(
            f"{one.platform}: {'; '.join(reason for reason in one.reasons if reason != NO_ACCOUNT)}."
            for one in options
        )
        super().__init__(f'job "{job_id}" cannot run: {why} {reasons}')


@dataclass(frozen=True)
class Decision:
    """Where a job runs, how big, and why; the same inputs give the same decision.

    Attributes:
        job_id: The job.
        selected: What is taken.
        recommended: What the engine would take; None where a strict preference forbids to say.
        preference: What the job prefers.
        options: All platforms that were looked at; of a strict preference only that one.
        reasoning: Why, in sentences.
        confidence: Probability that the recommendation is the best of the options; None where there is none,
            where it is the only possible one, and where dollars that it rests on are unknown.
        learned_from: Runs of the job that the figures rest on; 0: the physics of the job alone.
        fingerprint: Of all that the decision rests on.
        provenance: `user` where the preference was taken, `llm` where a language model chose, else `policy`.
        changes: Keys of `platform` besides the size that are changed for this attempt, as by a remedy.
        on_demand: Spot capacity is not taken.
    """

    job_id: str
    selected: PlatformOption
    recommended: PlatformOption | None
    preference: PlatformName | None
    options: tuple[PlatformOption, ...]
    reasoning: tuple[str, ...]
    confidence: float | None
    learned_from: int
    fingerprint: str
    provenance: Literal["policy", "llm", "user"]
    changes: Mapping[str, Any] = field(default_factory=dict)
    on_demand: bool = False

    @property
    def certainty(self) -> str:
        """How sure the recommendation is, as a sentence without its end."""
        if self.recommended is None:
            return "nothing was compared"
        if self.confidence is not None:
            return f"{self.confidence:.0%} that the recommendation is the best of what is possible"
        possible = [one for one in self.options if one.possible and one.charged]
        if len(possible) < 2:
            return "the recommendation is the only one possible"
        return "unknown, as time or cost of what is possible is"

    @property
    def settings(self) -> dict[str, Any]:
        """Keys of `platform` that the run gets."""
        return {**self.changes, **(self.selected.size.keys if self.selected.size else {})}

    def apply(self, job: Job) -> Job:
        """The job with the size that was decided."""
        return with_settings(job, self.settings, on_demand=self.on_demand)

    def record(self) -> PlatformDecision:
        """The decision as it is stored with the run."""
        figures = self.selected.figures
        return PlatformDecision(
            selected_platform=self.selected.platform,
            recommended_platform=self.recommended.platform if self.recommended else None,
            confidence=self.confidence,
            decision_reasoning=" ".join(self.reasoning),
            alternatives_considered=[
                Alternative(
                    platform=one.platform,
                    feasible=one.feasible,
                    reason="; ".join(one.reasons) or None,
                    estimated_seconds=one.figures.seconds,
                    estimated_cost_usd=one.figures.usd,
                )
                for one in self.options
            ],
            provenance=self.provenance,
            decision_agent_version=VERSION,
            size=self.selected.size.record() if self.selected.size else None,
            estimated_seconds=figures.seconds,
            estimated_seconds_low=figures.seconds_low,
            estimated_seconds_high=figures.seconds_high,
            estimated_cost_usd=figures.usd,
            estimated_cost_usd_low=figures.usd_low,
            estimated_cost_usd_high=figures.usd_high,
            input_fingerprint=self.fingerprint,
            settings=self.settings,
            on_demand=self.on_demand or None,
        )


def decide(config: Config, job: Job, situation: Situation) -> Decision:
    """Decide where a job runs.

    (1) A preference with `allow_agent_override` is taken, and the recommendation shown beside it; only where
    the preference cannot run the job, the recommendation is taken. (2) Without a preference, or with
    `auto_select_platform`, the recommendation is taken. (3) A preference without `allow_agent_override` is
    taken, and nothing else is looked at. Under the profile `local` the job runs on this machine in any case,
    because there is no account; the decision says what it would be with one.

    Raises:
        CannotRunError: The preference of (3) cannot run the job, or no platform can.
    """
    goal = goal_of(config, job)
    keys = job.platform
    strict = keys.user_preference is not None and not keys.allow_agent_override
    platforms: Sequence[PlatformName] = PLATFORMS
    if keys.user_preference and strict:
        platforms = (keys.user_preference,)
    found, forecaster = options(config, job, situation, goal, platforms)
    found = _within_hard_budget(goal, found)
    rivals = [] if strict else _rivals(found)
    recommended = _best(goal, rivals, situation)
    here = config.profile == "local"
    try:
        selected, reasoning = _choose(job, found, recommended, goal, rivals)
    except CannotRunError as error:
        if not here:
            raise
        selected, reasoning = None, (str(error),)
    if here and (selected is None or selected.platform != "local"):
        reasoning = (
            "It runs on this machine: under the profile `local` there is no account.",
            "With an account:",
            *reasoning,
        )
        selected = _local(config, job, situation, goal, found)
    assert selected is not None, "a job that can run nowhere was refused"
    reasoning = (*reasoning, *footnotes(goal, job, selected, recommended, rivals, situation.book.region))
    if situation.work.volume_gb is None:
        then = "the figures rest on past runs alone" if forecaster.learned_from else "so are time and cost"
        reasoning = (*reasoning, f"The size of the input is unknown; {then}.")
    return Decision(
        job_id=job.job_id,
        selected=selected,
        recommended=recommended,
        preference=keys.user_preference,
        options=tuple(found),
        reasoning=reasoning,
        confidence=_confidence(goal, recommended, rivals, forecaster),
        learned_from=forecaster.learned_from,
        fingerprint=fingerprint(config, job, situation),
        provenance="user"
        if selected.platform == keys.user_preference and not keys.auto_select_platform
        else "policy",
    )


def fingerprint(config: Config, job: Job, situation: Situation) -> str:
    """Of all that a decision rests on: equal where the inputs are equal."""
    work = situation.work
    inputs = {
        "version": VERSION,
        "job": job.model_dump(mode="json"),
        "profile": config.profile,
        "flags": config.settings.feature_flags.model_dump(),
        "work": [work.volume_gb, work.shuffle_gb, work.files, work.complexity, situation.factor],
        "runs": [
            [one.execution_id, one.size.label, one.data_gb, one.seconds] for one in situation.history.runs
        ],
        "borrowed": [one.execution_id for one in situation.history.borrowed],
        "last": situation.history.last_platform,
        "prices": [situation.book.region, {key: str(one.usd) for key, one in situation.book.prices.items()}],
        "circuits": sorted(situation.circuits),
    }
    text = json.dumps(inputs, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _choose(
    job: Job,
    found: Sequence[PlatformOption],
    recommended: PlatformOption | None,
    goal: Goal,
    rivals: Sequence[PlatformOption],
) -> tuple[PlatformOption, tuple[str, ...]]:
    preference = next((one for one in found if one.platform == job.platform.user_preference), None)
    if preference and not job.platform.allow_agent_override:
        if not preference.possible:
            why = f"its preference {preference.platform} must be taken (`allow_agent_override` is false)."
            raise CannotRunError(job.job_id, why, [preference])
        return preference, (f"{preference.platform} must be taken: `allow_agent_override` is false.",)
    if preference and preference.possible and not job.platform.auto_select_platform:
        if recommended is None:
            return preference, (f"{preference.platform} is preferred, and nothing else is possible.",)
        because = reason(goal, recommended, rivals)
        if recommended.platform == preference.platform:
            return preference, (f"{preference.platform} is preferred, and recommended too: {because}.",)
        return preference, (
            f"{preference.platform} is preferred and taken.",
            f"{recommended.platform} is recommended{difference(preference, recommended)}: {because}.",
        )
    if recommended is None:
        raise CannotRunError(job.job_id, "no platform is possible.", found)
    sentence = f"{recommended.platform} is recommended: {reason(goal, recommended, rivals)}."
    if preference and not preference.possible:
        reasons = "; ".join(one for one in preference.reasons if one != NO_ACCOUNT)
        cannot = f"The preference {preference.platform} cannot run the job: {reasons}."
        return recommended, (cannot, sentence)
    if preference and preference.platform != recommended.platform:
        than = difference(preference, recommended).removeprefix(", ")
        overruled = f"`auto_select_platform` overrules the preference {preference.platform}"
        return recommended, (
            f"{overruled}: the recommendation is {than}." if than else f"{overruled}.",
            sentence,
        )
    return recommended, (sentence,)


def difference(preference: PlatformOption, recommended: PlatformOption) -> str:
    """How the recommendation differs in time and money, for people; empty where nothing is known."""
    parts = []
    one, other = preference.figures, recommended.figures
    if one.seconds is not None and other.seconds is not None:
        change = other.seconds - one.seconds
        parts.append(f"{abs(change) / 60:,.1f} minutes {'longer' if change > 0 else 'shorter'}")
    if one.usd is not None and other.usd is not None:
        change = other.usd - one.usd
        parts.append(f"${abs(change):,.2f} {'dearer' if change > 0 else 'cheaper'}")
    return f", {' and '.join(parts)} than {preference.platform}" if parts else ""


def _rivals(found: Sequence[PlatformOption]) -> list[PlatformOption]:
    # What nobody bills cannot be held against dollars: this machine is recommended only if nothing else is.
    possible = [one for one in found if one.possible]
    return [one for one in possible if one.charged] or possible


def _best(goal: Goal, rivals: Sequence[PlatformOption], situation: Situation) -> PlatformOption | None:
    if not rivals:
        return None
    scores = [score(goal, one.figures, one.charged) for one in rivals]
    best = best_of(goal, scores)[0]
    equal = [one for one, of in zip(rivals, scores, strict=True) if tied(goal, scores[best], of)]
    last = situation.history.last_platform
    return next((one for one in equal if one.platform == last), rivals[best])


def _within_hard_budget(goal: Goal, found: Sequence[PlatformOption]) -> list[PlatformOption]:
    # What a hard budget forbids is no option while another one is; without one the budget itself refuses.
    forbidden = [goal.hard and over_budget(goal, one.figures, one.charged) for one in found]
    if not any(one.possible and not over for one, over in zip(found, forbidden, strict=True)):
        return list(found)
    return [
        replace(
            one,
            feasible=False,
            lacks_only_account=False,
            reasons=(
                *one.reasons,
                f"${one.figures.usd:,.2f} is over the hard budget of ${goal.budget_usd:,.2f} a run",
            ),
        )
        if over
        else one
        for one, over in zip(found, forbidden, strict=True)
    ]


def _local(
    config: Config, job: Job, situation: Situation, goal: Goal, found: Sequence[PlatformOption]
) -> PlatformOption:
    local = next((one for one in found if one.platform == "local"), None)
    if local is None:
        (local,), _ = options(config, job, situation, goal, ["local"])
    return local


def _confidence(
    goal: Goal, recommended: PlatformOption | None, rivals: Sequence[PlatformOption], forecaster: Forecaster
) -> float | None:
    if recommended is None or recommended.figures.seconds is None or len(rivals) == 1:
        return None
    if not dollars_known(goal, rivals):
        return None
    return probability_best(goal, rivals, rivals.index(recommended), forecaster)
