"""`EvaluateDataQuality`: DQDL rules over a frame."""

import json
from typing import Any

from awsglue.collection import DynamicFrameCollection
from awsglue.dynamicframe import DynamicFrame
from awsglue.localfiles import local_path
from awsglue.refusal import NotSupportedLocally
from awsglue.transforms import GlueTransform
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from .dqdl import parse
from .evaluation import ROW_RULES, UNIQUE, Evaluation, Outcome
from .measures import groups, row_condition, selected
from .rules import Composite, Rule, Ruleset

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
        found = evaluated(frame.toDF(), parse(ruleset), _others(kwargs))
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
        found = evaluated(df, rules, _others(kwargs))
        published(found, publishing_options or {})
        frames = {
            "originalData": frame,
            "ruleOutcomes": outcomes(frame, found),
            "rowLevelOutcomes": DynamicFrame.fromDF(
                row_outcomes(df, rules), frame.glue_ctx, "rowLevelOutcomes"
            ),
        }
        return DynamicFrameCollection(frames, frame.glue_ctx)


def _others(options: dict[str, Any]) -> dict[str, DataFrame]:
    given = options.get("additional_data_sources") or {}
    return {
        alias: frame.toDF() if isinstance(frame, DynamicFrame) else frame for alias, frame in given.items()
    }


def evaluated(df: DataFrame, ruleset: Ruleset, others: dict[str, DataFrame]) -> list[Outcome]:
    """The outcome of each rule."""
    return Evaluation(df, others).run(ruleset)


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


def row_outcomes(df: DataFrame, ruleset: Ruleset) -> DataFrame:
    """The rows with `DataQualityRulesPass`, `DataQualityRulesFail`, `DataQualityRulesSkip` and the result."""
    passes, fails, skips = [], [], []
    for rule in ruleset.rules:
        if isinstance(rule, Composite) or rule.kind not in (*ROW_RULES, *UNIQUE):
            skips.append(F.lit(rule.text))
            continue
        df, good = _row(df, rule)
        looked_at = selected(rule)
        passes.append(F.when(looked_at & good, F.lit(rule.text)))
        fails.append(F.when(looked_at & ~good, F.lit(rule.text)))
    names = [name for name in df.columns if not name.startswith("__dq")]
    made = {"Pass": passes, "Fail": fails, "Skip": skips}
    listed = {
        f"DataQualityRules{name}": F.array_compact(F.array(*parts))
        if parts
        else F.array().cast("array<string>")
        for name, parts in made.items()
    }
    result = F.when(F.size(listed["DataQualityRulesFail"]) > 0, "Failed").otherwise("Passed")
    return df.select(
        *[F.col(f"`{name}`") for name in names],
        *[value.alias(name) for name, value in listed.items()],
        result.alias("DataQualityEvaluationResult"),
    )


def _row(df: DataFrame, rule: Rule) -> tuple[DataFrame, Any]:
    """Rows, with what the rule needs beside them, and whether each passes."""
    if rule.kind in ROW_RULES:
        return df, F.coalesce(row_condition(df, rule), F.lit(False))
    name = f"__dq{len(df.columns)}"
    counts = groups(df, rule).withColumnRenamed("__n", name)
    on = F.lit(True)
    for i, key in enumerate(rule.parameters):
        counts = counts.withColumnRenamed(f"__k{i}", f"{name}_{i}")
        on = on & F.col(f"`{key}`").eqNullSafe(F.col(f"{name}_{i}"))
    joined = df.join(counts, on, "left").drop(*[f"{name}_{i}" for i in range(len(rule.parameters))])
    return joined, F.coalesce(F.col(name) == 1, F.lit(False))
