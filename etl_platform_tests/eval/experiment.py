"""The evaluation of the decision agent: exact match, dollars of regret, hard limits that were passed."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from strands_evals import Case as EvalCase
from strands_evals import Experiment
from strands_evals.evaluators.evaluator import Evaluator
from strands_evals.types.evaluation import EvaluationData, EvaluationOutput

from etl_platform.agents.decision import AGENT
from etl_platform.agents.guard import invoke
from etl_platform_tests.eval.truth import best, late, priced, regret_usd, violations
from etl_platform_tests.eval.workloads import Labelled, labelled

NEAR_USD = 0.01
"""Regret that nobody cares about: a cent a run."""

Output = dict[str, Any]


@dataclass(frozen=True)
class Group:
    """The workloads of one kind.

    Attributes:
        kind: What is difficult about them.
        workloads: How many were decided.
        exact: Of them, how many have the oracle's platform and size.
        platforms: Of them, how many have its platform.
        regret_usd: Dollars that their choices give away.
        oracle_usd: Dollars of the oracle's choices.
        late: Choices that miss a deadline that the oracle meets.
        violations: Hard limits that were passed.
    """

    kind: str
    workloads: int
    exact: int
    platforms: int
    regret_usd: float
    oracle_usd: float
    late: int
    violations: int


@dataclass(frozen=True)
class Score:
    """What an evaluation found.

    Attributes:
        workloads: How many were decided.
        exact: Share whose platform and size are the oracle's.
        platforms: Share whose platform is.
        regret_usd: Dollars that all choices together give away.
        oracle_usd: Dollars of the oracle's choices of the same workloads.
        worst: Name and regret of the worst choice.
        late: Choices that miss a deadline that the oracle meets.
        undecided: Workloads without a choice where the oracle has one.
        violations: Hard limits that were passed, each with its workload.
        by_model: Answers that a language model gave.
        groups: The same by kind of workload.
    """

    workloads: int
    exact: float
    platforms: float
    regret_usd: float
    oracle_usd: float
    worst: tuple[str, float]
    late: int
    undecided: int
    violations: tuple[str, ...]
    by_model: int
    groups: tuple[Group, ...]


class ExactMatch(Evaluator[str, Output]):
    """Platform and size are the oracle's."""

    def evaluate(self, evaluation_case: EvaluationData[str, Output]) -> list[EvaluationOutput]:
        actual, expected = evaluation_case.actual_output or {}, evaluation_case.expected_output or {}
        same = actual["choice"] == expected["choice"]
        reason = f"chosen {actual['choice']}, best {expected['choice']}"
        return [EvaluationOutput(score=float(same), test_pass=same, reason=reason)]


class Regret(Evaluator[str, Output]):
    """The choice gives away less than a cent, or a tenth of the oracle's dollars."""

    def evaluate(self, evaluation_case: EvaluationData[str, Output]) -> list[EvaluationOutput]:
        actual, expected = evaluation_case.actual_output or {}, evaluation_case.expected_output or {}
        regret = actual["regret_usd"]
        small = regret is not None and regret <= max(NEAR_USD, 0.1 * (expected["usd"] or 0.0))
        reason = "no choice" if regret is None else f"${regret:,.4f}"
        return [EvaluationOutput(score=float(small), test_pass=small, reason=reason)]


class HardLimits(Evaluator[str, Output]):
    """No hard limit is passed."""

    def evaluate(self, evaluation_case: EvaluationData[str, Output]) -> list[EvaluationOutput]:
        passed = (evaluation_case.actual_output or {})["violations"]
        return [EvaluationOutput(score=float(not passed), test_pass=not passed, reason="; ".join(passed))]


def run(folder: Path, model: dict[str, Any] | None = None) -> Score:
    """Let the agent decide all workloads on a model, and hold its choices against the oracle's.

    Args:
        folder: For the stores of the workloads.
        model: The section `agents.model`; None: the policy.
    """
    by_name = {one.name: one for one in labelled()}
    outputs: dict[str, Output] = {}

    def task(case: EvalCase[str, Output]) -> Any:
        one = by_name[case.input]
        outputs[one.name] = _decide(one, folder / f"decided-{len(outputs)}", model)
        return {"output": outputs[one.name]}

    cases = [
        EvalCase[str, Output](
            name=one.name, input=one.name, expected_output=_label(one, folder / f"label-{n}")
        )
        for n, one in enumerate(by_name.values())
    ]
    report = Experiment[str, Output](cases, [ExactMatch(), Regret(), HardLimits()]).run_evaluations(task)
    passed: dict[str, list[bool]] = {}
    for row, test_pass in zip(report.cases, report.test_passes, strict=True):
        passed.setdefault(row["evaluator"], []).append(test_pass)
    labels = {case.input: case.expected_output or {} for case in cases}
    kinds = dict.fromkeys(one.kind for one in by_name.values())
    groups = [
        _group(kind, [name for name, one in by_name.items() if one.kind == kind], labels, outputs)
        for kind in kinds
    ]
    return _score(labels, outputs, passed, groups)


def _group(kind: str, names: list[str], labels: dict[str, Output], outputs: dict[str, Output]) -> Group:
    return Group(
        kind=kind,
        workloads=len(names),
        exact=sum(outputs[name]["choice"] == labels[name]["choice"] for name in names),
        platforms=sum(_platform(outputs[name]) == _platform(labels[name]) for name in names),
        regret_usd=sum(outputs[name]["regret_usd"] or 0.0 for name in names),
        oracle_usd=sum(labels[name]["usd"] or 0.0 for name in names),
        late=sum(outputs[name]["late"] for name in names),
        violations=sum(len(outputs[name]["violations"]) for name in names),
    )


def _score(
    labels: dict[str, Output],
    outputs: dict[str, Output],
    passed: dict[str, list[bool]],
    groups: list[Group],
) -> Score:
    chosen = {name: one for name, one in outputs.items() if one["regret_usd"] is not None}
    same = [name for name, one in outputs.items() if _platform(one) == _platform(labels[name])]
    return Score(
        workloads=len(labels),
        exact=sum(passed["ExactMatch"]) / len(labels),
        platforms=len(same) / len(labels),
        regret_usd=sum(one["regret_usd"] for one in chosen.values()),
        oracle_usd=sum(labels[name]["usd"] or 0.0 for name in chosen),
        worst=max(((name, one["regret_usd"]) for name, one in chosen.items()), key=lambda one: one[1]),
        late=sum(one["late"] for one in outputs.values()),
        undecided=sum(
            1 for name, one in outputs.items() if one["choice"] is None and labels[name]["choice"] is not None
        ),
        violations=tuple(f"{name}: {one}" for name in outputs for one in outputs[name]["violations"]),
        by_model=sum(one["by_model"] for one in outputs.values()),
        groups=tuple(groups),
    )


def _platform(output: Output) -> str | None:
    return output["choice"][0] if output["choice"] else None


def _label(one: Labelled, folder: Path) -> Output:
    case = one.case(folder)
    oracle = best(case, priced(case, one.weight))
    return {"choice": list(oracle.name) if oracle else None, "usd": oracle.usd if oracle else None}


def _decide(one: Labelled, folder: Path, model: dict[str, Any] | None) -> Output:
    case = one.case(folder, model)
    invocation = invoke(AGENT, case)
    answer = invocation.answer
    options = priced(case, one.weight)
    oracle = best(case, options)
    name = (answer.platform, answer.size)
    chosen = next((option for option in options if option.name == name), None)
    regret, missed = None, False
    if oracle and chosen:
        regret = regret_usd(case, chosen, oracle)
        missed = late(case, chosen) > 0 and late(case, oracle) == 0
    return {
        "choice": list(name) if answer.platform else None,
        "regret_usd": regret,
        "late": missed,
        "violations": list(violations(case, answer.platform, answer.estimated_cost_usd)),
        "by_model": invocation.by_model,
        "provider": invocation.provider,
    }
