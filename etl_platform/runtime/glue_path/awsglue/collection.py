"""Named frames."""

from collections.abc import Callable, ItemsView, Iterator, KeysView, ValuesView
from typing import Any


class DynamicFrameCollection:
    """Named DynamicFrames.

    Args:
        dynamic_frames: The frames by name, or frames that have names.
        glue_ctx: The GlueContext.
    """

    def __init__(self, dynamic_frames: Any, glue_ctx: Any = None):
        named = dynamic_frames if isinstance(dynamic_frames, dict) else {f.name: f for f in dynamic_frames}
        self._frames: dict[str, Any] = dict(named)
        self.glue_ctx = glue_ctx

    def __getitem__(self, key: str) -> Any:
        return self.select(key)

    def __len__(self) -> int:
        return len(self._frames)

    def __iter__(self) -> Iterator[str]:
        return iter(self._frames)

    def keys(self) -> KeysView[str]:
        """The names."""
        return self._frames.keys()

    def values(self) -> ValuesView[Any]:
        """The frames."""
        return self._frames.values()

    def items(self) -> ItemsView[str, Any]:
        """Pairs of name and frame."""
        return self._frames.items()

    def select(self, key: str, transformation_ctx: str = "") -> Any:
        """The frame of this name.

        Raises:
            KeyError: There is no such frame.
        """
        if key not in self._frames:
            raise KeyError(f'no frame "{key}"; the collection has {", ".join(self._frames)}.')
        return self._frames[key]

    def map(self, callable: Callable[..., Any], transformation_ctx: str = "") -> "DynamicFrameCollection":
        """What a function (of frame and transformation context) makes of each frame."""
        frames = {name: callable(frame, transformation_ctx) for name, frame in self._frames.items()}
        return DynamicFrameCollection(frames, self.glue_ctx)

    def flatmap(self, f: Callable[..., Any], transformation_ctx: str = "") -> "DynamicFrameCollection":
        """What a function makes of each frame: a frame, or a collection's frames, named `frame_inner`."""
        made: dict[str, Any] = {}
        for name, frame in self._frames.items():
            result = f(frame, transformation_ctx)
            if isinstance(result, DynamicFrameCollection):
                made |= {f"{name}_{inner}": part for inner, part in result.items()}
            else:
                made[name] = result
        return DynamicFrameCollection(made, self.glue_ctx)
