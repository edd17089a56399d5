"""What of the Glue API is here: the table of the documentation, made from the classes themselves."""

from . import context, datasource, dynamicframe, gluetypes, job, sinks, transforms, utils
from .refusal import public_names

CLASSES: tuple[tuple[str, type], ...] = (
    ("awsglue.context", context.GlueContext),
    ("awsglue.job", job.Job),
    ("awsglue.dynamicframe", dynamicframe.DynamicFrame),
    ("awsglue.dynamicframe", dynamicframe.DynamicFrameCollection),
    ("awsglue.dynamicframe", dynamicframe.DynamicFrameReader),
    ("awsglue.dynamicframe", dynamicframe.DynamicFrameWriter),
    ("getSource", datasource.DataSource),
    ("getSink", sinks.DataSink),
    ("awsglue.transforms", transforms.GlueTransform),
)
HEAD = "| where | what | support | meaning |\n| --- | --- | --- | --- |\n"


def table() -> str:
    """The table, in Markdown: one line for each public method, transform and type."""
    lines = [_line("awsglue.utils", "getResolvedOptions", utils.getResolvedOptions)]
    for module, kind in CLASSES:
        lines += [_line(module, f"{kind.__name__}.{name}", _found(kind, name)) for name in public_names(kind)]
    lines += [
        _line(
            "awsglue.transforms",
            name,
            _found(getattr(transforms, name), "__call__"),
            getattr(transforms, name),
        )
        for name in transforms.__all__
    ]
    kinds = sorted({k.__name__ for k in vars(gluetypes).values() if isinstance(k, type) and _is_type(k)})
    lines.append(
        f"| `awsglue.gluetypes` | {', '.join(f'`{k}`' for k in kinds)} | yes | types of a schema |\n"
    )
    return HEAD + "".join(lines)


def _is_type(kind: type) -> bool:
    return issubclass(kind, gluetypes.DataType | gluetypes.Field)


def _found(kind: type, name: str) -> object:
    """What stands under a name in a class, itself rather than what it gives."""
    return next(vars(base)[name] for base in kind.__mro__ if name in vars(base))


def _line(module: str, name: str, what: object, described: object = None) -> str:
    function = getattr(what, "__func__", what)
    state = (
        "refused"
        if getattr(function, "refused", False)
        else "no effect"
        if getattr(function, "idle", False)
        else "yes"
    )
    told = getattr(described or function, "__doc__", None) or ""
    summary = told.strip().splitlines()[0].rstrip(".").replace("|", "\\|") if told else ""
    return f"| `{module}` | `{name}` | {state} | {summary} |\n"
