"""The transforms of the AWS documentation, each a class with `apply`."""

import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from . import mapping
from .collection import DynamicFrameCollection
from .dynamicframe import DynamicFrame
from .refusal import NotSupportedLocally, refused

__all__ = [
    "ApplyMapping",
    "DropFields",
    "DropNullFields",
    "ErrorsAsDynamicFrame",
    "FillMissingValues",
    "Filter",
    "FindIncrementalMatches",
    "FindMatches",
    "FlatMap",
    "GlueTransform",
    "Join",
    "Map",
    "MapToCollection",
    "Relationalize",
    "RenameField",
    "ResolveChoice",
    "SelectFields",
    "SelectFromCollection",
    "Simplify_ddb_json",
    "Spigot",
    "SplitFields",
    "SplitRows",
    "Unbox",
    "UnnestFrame",
]


class GlueTransform:
    """Base of the transforms: `T.apply(frame=…)` is `T()(frame=…)`."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Apply the transform."""
        raise NotImplementedError(f"{type(self).__name__} does not define __call__.")

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Apply the transform."""
        return cls()(*args, **kwargs)

    @classmethod
    def name(cls) -> str:
        """Name of the transform."""
        return cls.__name__

    @classmethod
    def describeTransform(cls) -> str:
        """What the transform does, in a sentence."""
        return (cls.__doc__ or "").strip().splitlines()[0]

    @classmethod
    def describeArgs(cls) -> list[dict[str, Any]]:
        """The arguments: `name`, `type`, `description`, `optional` and `defaultValue` of each."""
        arguments = list(inspect.signature(cls.__call__).parameters.values())[1:]
        told = inspect.getdoc(cls.__call__) or ""
        return [
            {
                "name": one.name,
                "type": inspect.formatannotation(one.annotation),
                "description": told,
                "optional": one.default is not one.empty,
                "defaultValue": None if one.default is one.empty else one.default,
            }
            for one in arguments
            if one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)
        ]

    @classmethod
    def describeReturn(cls) -> dict[str, str]:
        """What the transform gives: `type` and `description`."""
        given = inspect.signature(cls.__call__).return_annotation
        return {"type": inspect.formatannotation(given), "description": cls.describeTransform()}

    @classmethod
    def describeErrors(cls) -> list[dict[str, str]]:
        """What the transform raises besides what a script's own functions do: nothing."""
        return []

    @classmethod
    def describe(cls) -> dict[str, Any]:
        """Name, arguments, result and errors of the transform."""
        about = {"name": cls.name(), "args": cls.describeArgs(), "returns": cls.describeReturn()}
        return {"transform": {**about, "raises": cls.describeErrors(), "location": "internal"}}


class ApplyMapping(GlueTransform):
    """Only the mapped fields, renamed, cast and nested."""

    def __call__(
        self, frame: DynamicFrame, mappings: Sequence[Any], *args: Any, **kwargs: Any
    ) -> DynamicFrame:
        """Arguments as of `DynamicFrame.apply_mapping`."""
        kwargs.pop("case_sensitive", None)
        return frame.apply_mapping(mappings, *args, **kwargs)


class DropFields(GlueTransform):
    """Without some fields."""

    def __call__(self, frame: DynamicFrame, paths: Sequence[str], *args: Any, **kwargs: Any) -> DynamicFrame:
        """Arguments as of `DynamicFrame.drop_fields`."""
        return frame.drop_fields(paths, *args, **kwargs)


class DropNullFields(GlueTransform):
    """Without the fields that are null in every record."""

    def __call__(
        self, frame: DynamicFrame, transformation_ctx: str = "", *args: Any, **kwargs: Any
    ) -> DynamicFrame:
        """The schema says which: fields of the type `null`."""
        return frame._then(mapping.drop_null_fields, transformation_ctx)


class ErrorsAsDynamicFrame(GlueTransform):
    """The error records of a frame."""

    def __call__(self, frame: DynamicFrame) -> DynamicFrame:
        """One column `error`."""
        return frame.errorsAsDynamicFrame()


class Filter(GlueTransform):
    """The records that a function says True of."""

    def __call__(
        self, frame: DynamicFrame, f: Callable[[Any], Any], *args: Any, **kwargs: Any
    ) -> DynamicFrame:
        """Arguments as of `DynamicFrame.filter`."""
        return frame.filter(f, *args, **kwargs)


class Join(GlueTransform):
    """Pairs of records whose keys are equal."""

    def __call__(
        self, frame1: DynamicFrame, frame2: DynamicFrame, keys1: Any, keys2: Any, transformation_ctx: str = ""
    ) -> DynamicFrame:
        """Keys are paths, one or several, as many on each side."""
        return frame1.join(keys1, keys2, frame2, transformation_ctx)


class Map(GlueTransform):
    """What a function makes of each record."""

    def __call__(
        self,
        frame: DynamicFrame,
        f: Callable[[Any], Any],
        transformation_ctx: str = "",
        *args: Any,
        **kwargs: Any,
    ) -> DynamicFrame:
        """Arguments as of `DynamicFrame.map`."""
        return frame.map(f, False, transformation_ctx, *args, **kwargs)


class Relationalize(GlueTransform):
    """A flat table, and one for each array."""

    def __call__(
        self,
        frame: DynamicFrame,
        staging_path: str | None = None,
        name: str = "roottable",
        *args: Any,
        **kwargs: Any,
    ) -> DynamicFrameCollection:
        """Arguments as of `DynamicFrame.relationalize`."""
        return frame.relationalize(name, staging_path, *args, **kwargs)


class RenameField(GlueTransform):
    """With a field renamed."""

    def __call__(
        self, frame: DynamicFrame, old_name: str, new_name: str, *args: Any, **kwargs: Any
    ) -> DynamicFrame:
        """Both names are paths."""
        return frame.rename_field(old_name, new_name, *args, **kwargs)


class ResolveChoice(GlueTransform):
    """Choices resolved."""

    def __call__(
        self,
        frame: DynamicFrame,
        specs: Sequence[Any] | None = None,
        choice: str = "",
        *args: Any,
        **kwargs: Any,
    ) -> DynamicFrame:
        """Arguments as of `DynamicFrame.resolveChoice`."""
        return frame.resolveChoice(specs, choice, *args, **kwargs)


class SelectFields(GlueTransform):
    """Only some fields."""

    def __call__(self, frame: DynamicFrame, paths: Sequence[str], *args: Any, **kwargs: Any) -> DynamicFrame:
        """Arguments as of `DynamicFrame.select_fields`."""
        return frame.select_fields(paths, *args, **kwargs)


class Simplify_ddb_json(GlueTransform):
    """DynamoDB's typed JSON as plain values."""

    def __call__(self, frame: DynamicFrame, *args: Any, **kwargs: Any) -> DynamicFrame:
        """Arguments as of `DynamicFrame.simplify_ddb_json`."""
        return frame.simplify_ddb_json(*args, **kwargs)


class Spigot(GlueTransform):
    """Writes a sample, and gives the frame itself."""

    def __call__(
        self,
        frame: DynamicFrame,
        path: str,
        options: dict[str, Any] | None = None,
        transformation_ctx: str = "",
    ) -> DynamicFrame:
        """Arguments as of `DynamicFrame.spigot`."""
        return frame.spigot(path, options, transformation_ctx)


class SplitFields(GlueTransform):
    """Two frames, by their fields."""

    def __call__(
        self,
        frame: DynamicFrame,
        paths: Sequence[str],
        name1: str | None = None,
        name2: str | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> DynamicFrameCollection:
        """Named `frame1` and `frame2` where no names are given."""
        return frame.split_fields(
            paths, name1 or f"{frame.name}1", name2 or f"{frame.name}2", *args, **kwargs
        )


class SplitRows(GlueTransform):
    """Two frames, by comparisons of their rows."""

    def __call__(
        self,
        frame: DynamicFrame,
        comparison_dict: dict[str, dict[str, Any]],
        name1: str = "frame1",
        name2: str = "frame2",
        *args: Any,
        **kwargs: Any,
    ) -> DynamicFrameCollection:
        """Arguments as of `DynamicFrame.split_rows`."""
        return frame.split_rows(comparison_dict, name1, name2, *args, **kwargs)


class Unbox(GlueTransform):
    """A field that holds JSON or CSV as the value that it holds."""

    def __call__(
        self, frame: DynamicFrame, path: str, format: str, *args: Any, **kwargs: Any
    ) -> DynamicFrame:
        """Arguments as of `DynamicFrame.unbox`."""
        return frame.unbox(path, format, *args, **kwargs)


class UnnestFrame(GlueTransform):
    """Nested fields as columns named by their path."""

    def __call__(self, frame: DynamicFrame, *args: Any, **kwargs: Any) -> DynamicFrame:
        """Arguments as of `DynamicFrame.unnest`."""
        return frame.unnest(*args, **kwargs)


class SelectFromCollection(GlueTransform):
    """One frame of a collection."""

    def __call__(self, dfc: DynamicFrameCollection, key: str, transformation_ctx: str = "") -> Any:
        """The frame of this name."""
        return dfc.select(key, transformation_ctx)


class MapToCollection(GlueTransform):
    """A transform applied to each frame of a collection."""

    def __call__(
        self,
        dfc: DynamicFrameCollection,
        BaseTransform: type[GlueTransform],
        frame_name: str,
        transformation_ctx: str = "",
        **base_kwargs: Any,
    ) -> DynamicFrameCollection:
        """Each frame is passed as the transform's argument `frame_name`, with `base_kwargs` beside it."""
        frames = {
            key: BaseTransform.apply(**{frame_name: frame}, **base_kwargs) for key, frame in dfc.items()
        }
        return DynamicFrameCollection(frames, dfc.glue_ctx)


class FlatMap(GlueTransform):
    """A transform applied to each frame of a collection, its results in one collection."""

    def __call__(
        self,
        dfc: DynamicFrameCollection,
        BaseTransform: type[GlueTransform],
        frame_name: str,
        transformation_ctx: str = "",
        **base_kwargs: Any,
    ) -> DynamicFrameCollection:
        """As `MapToCollection`; a result that is a collection gives its frames, named `frame_inner`."""
        made: dict[str, Any] = {}
        for key, frame in dfc.items():
            result = BaseTransform.apply(**{frame_name: frame}, **base_kwargs)
            inner: Iterable[tuple[str, Any]] = [(key, result)]
            if isinstance(result, DynamicFrameCollection):
                inner = [(f"{key}_{name}", part) for name, part in result.items()]
            made.update(inner)
        return DynamicFrameCollection(made, dfc.glue_ctx)


class FillMissingValues(GlueTransform):
    """Refused: it guesses values by a model of AWS."""

    @refused
    def __call__(self, *args: Any, **kwargs: Any) -> DynamicFrame:
        """Refuse."""
        raise NotSupportedLocally("FillMissingValues", "toDF().fillna(…)", "Its model exists in AWS only.")


class FindMatches(GlueTransform):
    """Refused: it needs a transform that was trained in AWS."""

    @refused
    def __call__(self, *args: Any, **kwargs: Any) -> DynamicFrame:
        """Refuse."""
        raise NotSupportedLocally("FindMatches", "Join", "Its model exists in AWS only.")


class FindIncrementalMatches(GlueTransform):
    """Refused: it needs a transform that was trained in AWS."""

    @refused
    def __call__(self, *args: Any, **kwargs: Any) -> DynamicFrame:
        """Refuse."""
        raise NotSupportedLocally("FindIncrementalMatches", "Join", "Its model exists in AWS only.")
