"""`EvaluateDataQuality`: DQDL rules over a frame."""

import json
from typing import Any

from awsglue.collection import DynamicFrameCollection
from awsglue.dynamicframe import DynamicFrame
from awsglue.gluelog import GlueLogger
from awsglue.localfiles import local_path
from awsglue.refusal import NotSupportedLocally
from awsglue.transforms import GlueTransform
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from etl_platform.quality.dqdl import parse
from etl_platform.quality.dqdl_rules import Composite, Ruleset

from .evaluation import evaluate
from .measures import ROW_RULES, UNIQUE, passing, selected
from .plan import Outcome

OUTCOME = "Rule string, Outcome string, FailureReason string, EvaluatedMetrics map<string,double>"
KNOWN = {
    *(
        "dataQualityEvaluationContext",
        "enableDataQualityCloudWatchMetrics",
        "enableDataQualityResultsPublishing",
    ),
    *("resultsS3Prefix", "compositeRuleEvaluation.method", "observations.scope", "performanceTuning.caching"),
}


class EvaluateDataQuality(GlueTransform):
    """The outcome of each rule of a DQDL ruleset."""

    def __call__(
        self,
        frame: DynamicFrame,
        ruleset: str,
        publishing_options: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> DynamicFrame:
        """A frame with the columns `Rule`, `Outcome`, `FailureReason` and `EvaluatedMetrics`.

        Args:
            frame: The records.
            ruleset: DQDL.
            publishing_options: `resultsS3Prefix` gets the outcomes as JSON; metrics go to no CloudWatch here.
            **kwargs: `additional_data_sources` (frames by alias), `additional_options`.

        Raises:
            DqdlError: The ruleset is not DQDL.
        """
        found = evaluate(frame.toDF(), _others(kwargs), parse(ruleset))
        logged(found)
        published(found, publishing_options or {})
        return outcomes(frame, found)

    def process_rows(
        self,
        frame: DynamicFrame,
        ruleset: str,
        publishing_options: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> DynamicFrameCollection:
        """`originalData`, `ruleOutcomes`, and `rowLevelOutcomes`: what each record has passed and failed."""
        rules = parse(ruleset)
        df = frame.toDF()
        found = evaluate(df, _others(kwargs), rules)
        logged(found)
        published(found, publishing_options or {})
        frames = {
            "originalData": frame,
            "ruleOutcomes": outcomes(frame, found),
            "rowLevelOutcomes": DynamicFrame.fromDF(
                row_outcomes(df, rules, found), frame.glue_ctx, "rowLevelOutcomes"
            ),
        }
        return DynamicFrameCollection(frames, frame.glue_ctx)


def logged(found: list[Outcome]) -> None:
    """Say in the job's log which rules have not passed: many scripts never look at the outcomes."""
    log = GlueLogger()
    for one in found:
        if not one.passed:
            log.warn(f"EvaluateDataQuality: {one.outcome}: {one.text}: {one.reason}")


def _others(options: dict[str, Any]) -> dict[str, DataFrame]:
    given = options.get("additional_data_sources") or {}
    return {
        alias: frame.toDF() if isinstance(frame, DynamicFrame) else frame for alias, frame in given.items()
    }


def outcomes(frame: DynamicFrame, found: list[Outcome]) -> DynamicFrame:
    """Outcomes as a frame."""
    rows = [(o.text, o.outcome, o.reason, o.metrics) for o in found]
    df = frame.glue_ctx.spark_session.createDataFrame(rows, OUTCOME)
    return DynamicFrame.fromDF(df, frame.glue_ctx, "ruleOutcomes")


def published(found: list[Outcome], options: dict[str, Any]) -> None:
    """Write the outcomes as JSON to `resultsS3Prefix`.

    Raises:
        NotSupportedLocally: An option is not known.
    """
    if unknown := sorted(set(options) - KNOWN):
        raise NotSupportedLocally(f"publishing option {unknown[0]!r}", f"one of {', '.join(sorted(KNOWN))}")
    prefix = options.get("resultsS3Prefix")
    if not prefix:
        return
    folder = local_path(prefix if "://" in prefix or prefix.startswith("/") else f"s3://{prefix}")
    folder.mkdir(parents=True, exist_ok=True)
    context = options.get("dataQualityEvaluationContext", "default_context")
    rules = [{"rule": o.text, "outcome": o.outcome, "reason": o.reason, "metrics": o.metrics} for o in found]
    (folder / f"{context}.json").write_text(json.dumps({"context": context, "rules": rules}, indent=1))


def row_outcomes(df: DataFrame, ruleset: Ruleset, found: list[Outcome]) -> DataFrame:
    """The rows with `DataQualityRulesPass`, `DataQualityRulesFail`, `DataQualityRulesSkip` and the result.

    Args:
        df: The rows.
        ruleset: The rules.
        found: Their outcomes: a rule that could not be evaluated is skipped for every row.
    """
    passes, fails, skips = [], [], []
    for rule, outcome in zip(ruleset.rules, found, strict=False):
        text = F.lit(rule.text)
        if isinstance(rule, Composite) or rule.kind not in (*ROW_RULES, *UNIQUE) or outcome.passed is None:
            skips.append(text)
            continue
        looked_at = F.expr(selected(rule))
        good = F.expr(f"coalesce({passing(rule, df.columns)}, FALSE)")
        passes.append(F.when(looked_at & good, text))
        fails.append(F.when(looked_at & ~good, text))
    made = {"Pass": passes, "Fail": fails, "Skip": skips}
    listed = {
        f"DataQualityRules{name}": F.array_compact(F.array(*parts))
        if parts
        else F.array().cast("array<string>")
        for name, parts in made.items()
    }
    result = F.when(F.size(listed["DataQualityRulesFail"]) > 0, "Failed").otherwise("Passed")
    return df.select(
        "*",
        *[value.alias(name) for name, value in listed.items()],
        result.alias("DataQualityEvaluationResult"),
    )
