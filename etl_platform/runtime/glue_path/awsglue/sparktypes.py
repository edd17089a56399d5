"""Types of Spark and of a DynamicFrame, each from the other."""

from pyspark.sql import types as spark

from . import gluetypes as glue

SAME: dict[type[spark.DataType], type[glue.AtomicType]] = {
    spark.BinaryType: glue.BinaryType,
    spark.BooleanType: glue.BooleanType,
    spark.ByteType: glue.ByteType,
    spark.ShortType: glue.ShortType,
    spark.IntegerType: glue.IntegerType,
    spark.LongType: glue.LongType,
    spark.FloatType: glue.FloatType,
    spark.DoubleType: glue.DoubleType,
    spark.StringType: glue.StringType,
    spark.VarcharType: glue.StringType,
    spark.CharType: glue.StringType,
    spark.DateType: glue.DateType,
    spark.TimestampType: glue.TimestampType,
    spark.TimestampNTZType: glue.TimestampType,
    spark.NullType: glue.NullType,
}
TO_SPARK: dict[type[glue.DataType], type[spark.DataType]] = {
    **{theirs: ours for ours, theirs in SAME.items() if ours not in (spark.VarcharType, spark.CharType)},
    glue.TimestampType: spark.TimestampType,
    glue.NullType: spark.StringType,
    glue.UnknownType: spark.StringType,
    glue.EnumType: spark.StringType,
    glue.StringType: spark.StringType,
}


def from_spark(data_type: spark.DataType) -> glue.DataType:
    """The DynamicFrame's type of a Spark type; UnknownType where it has none, such as an interval."""
    if isinstance(data_type, spark.StructType):
        return glue.StructType([glue.Field(f.name, from_spark(f.dataType)) for f in data_type.fields])
    if isinstance(data_type, spark.ArrayType):
        return glue.ArrayType(from_spark(data_type.elementType))
    if isinstance(data_type, spark.MapType):
        return glue.MapType(from_spark(data_type.valueType), keyType=from_spark(data_type.keyType))
    if isinstance(data_type, spark.DecimalType):
        return glue.DecimalType(data_type.precision, data_type.scale)
    return SAME.get(type(data_type), glue.UnknownType)()


def schema_of(fields: spark.StructType) -> glue.StructType:
    """The DynamicFrame's schema of a DataFrame's."""
    return glue.StructType([glue.Field(f.name, from_spark(f.dataType)) for f in fields.fields])


def to_spark(data_type: glue.DataType) -> spark.DataType:
    """The Spark type that holds values of a DynamicFrame's type; a choice is a struct of its types."""
    match data_type:
        case glue.StructType():
            return spark_schema(data_type)
        case glue.ChoiceType():
            fields = [spark.StructField(n, to_spark(t)) for n, t in data_type.choices.items()]
            return spark.StructType(fields)
        case glue.ArrayType():
            return spark.ArrayType(to_spark(data_type.elementType))
        case glue.MapType():
            return spark.MapType(to_spark(data_type.keyType), to_spark(data_type.valueType))
        case glue.DecimalType():
            return spark.DecimalType(data_type.precision, data_type.scale)
    return TO_SPARK[type(data_type)]()


def spark_schema(data_type: glue.StructType) -> spark.StructType:
    """The DataFrame's schema of a DynamicFrame's."""
    return spark.StructType([spark.StructField(f.name, to_spark(f.dataType)) for f in data_type.fields])


def has_choice(data_type: glue.DataType) -> bool:
    """Whether a choice stands anywhere in the type."""
    match data_type:
        case glue.ChoiceType():
            return True
        case glue.StructType():
            return any(has_choice(field.dataType) for field in data_type.fields)
        case glue.ArrayType():
            return has_choice(data_type.elementType)
        case glue.MapType():
            return has_choice(data_type.valueType)
    return False
