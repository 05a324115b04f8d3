"""Which columns of a table hold images and labels, as Hugging Face ``datasets`` store them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from mmmim.errors import UsageError

if TYPE_CHECKING:
    import pyarrow

IMAGE_NAMES = ("image", "img", "jpg", "jpeg", "png", "webp", "pixels")
LABEL_NAMES = ("label", "labels", "fine_label", "cls", "class", "class_id", "target")


class Columns(NamedTuple):
    """The column of the images, of the labels if there is one, and the names of the labels if they have some."""

    image: str
    label: str | None
    class_names: list[str] | None

    def stored_bytes(self, schema: pyarrow.Schema) -> str:
        """Return the path of the encoded images in a file: a column, or a field of one."""
        return f"{self.image}.bytes" if _is_struct(schema, self.image) else self.image


def find_columns(schema: pyarrow.Schema, path: str) -> Columns:
    """Return the columns that hold images and labels: as the file says, otherwise by type and name.

    Raises:
        UsageError: There is no column of encoded images.
    """
    features = _features(schema)
    images = [name for name in schema.names if features.get(name, {}).get("_type") == "Image"]
    images += [name for name in schema.names if _is_struct(schema, name) or _is_binary(schema.field(name).type)]
    if not images:
        raise UsageError(f"root: {path!r} has no column of encoded images, only {', '.join(schema.names)}")
    named = [name for name in images if name.lower() in IMAGE_NAMES]
    image = images[0] if features.get(images[0], {}).get("_type") == "Image" or not named else named[0]
    classes = [name for name in schema.names if features.get(name, {}).get("_type") == "ClassLabel"]
    plain = [name for name in schema.names if name.lower() in LABEL_NAMES and _is_label(schema.field(name).type)]
    if classes:
        return Columns(image, classes[0], features[classes[0]].get("names"))
    return Columns(image, plain[0] if plain else None, None)


def _features(schema: pyarrow.Schema) -> dict[str, dict[str, Any]]:
    try:
        stored = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
    except (KeyError, ValueError, TypeError):
        return {}
    return {name: feature for name, feature in stored.items() if isinstance(feature, dict)}


def _is_struct(schema: pyarrow.Schema, name: str) -> bool:
    import pyarrow as pa

    kind = schema.field(name).type
    return pa.types.is_struct(kind) and "bytes" in {field.name for field in kind}


def _is_binary(kind: pyarrow.DataType) -> bool:
    import pyarrow as pa

    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind)


def _is_label(kind: pyarrow.DataType) -> bool:
    import pyarrow as pa

    return pa.types.is_integer(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind)


def import_pyarrow(path: str) -> Any:
    """Return the package ``pyarrow``, or raise a UsageError that says how to install it."""
    try:
        import pyarrow
        import pyarrow.ipc
        import pyarrow.parquet
    except ImportError as error:
        raise UsageError(
            f"root: {path!r} is read with pyarrow, which is missing ({error}): pip install 'mmmim[hf]'"
        ) from None
    return pyarrow
