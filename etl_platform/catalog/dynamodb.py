"""`dynamodb`: a table, by its description."""

from etl_platform.catalog.aws import aws_errors_as_sentences
from etl_platform.catalog.context import Context
from etl_platform.catalog.stats import TableStats, gigabytes
from etl_platform.config.models.data_sources import DynamoDbSource

# DynamoDB's names of attribute types.
TYPES: dict[str, str] = {"S": "string", "N": "number", "B": "binary"}


def measure_dynamodb(source: DynamoDbSource, dataset: str, context: Context) -> TableStats:
    """Figures of a DynamoDB table; AWS updates size and count about every six hours.

    Raises:
        CannotMeasureError: DynamoDB refuses, or has no such table.
    """
    with aws_errors_as_sentences("dynamodb", missing=("ResourceNotFoundException",)):
        table = context.aws.client("dynamodb").describe_table(TableName=source.table_name)["Table"]
    keys = table.get("AttributeDefinitions", ())
    columns = {item["AttributeName"]: TYPES[item["AttributeType"]] for item in keys}
    return TableStats(
        dataset=dataset,
        exists=True,
        size_gb=gigabytes(table.get("TableSizeBytes")),
        row_count=table.get("ItemCount"),
        rows_estimated=True,
        columns=columns if source.auto_detect_schema else {},
        format="dynamodb",
        detected_by="DynamoDB DescribeTable (AWS updates its figures about every six hours)",
        measured_at=context.now,
    )
