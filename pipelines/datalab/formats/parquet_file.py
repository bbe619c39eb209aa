"""Parquet: the values with their types, widened where a Delta table has no such type."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from datalab.errors import DataLabError
from datalab.formats.columns import clean_names
from datalab.formats.sniff import Stream
from datalab.formats.source import Source, check_width, rows_at_once


def parquet_file(stream: Stream, name: str) -> Source:
    """A Parquet file as a source."""
    from pyarrow import parquet

    try:
        # INT96 as nanoseconds, the default, holds the years 1677 to 2262 alone.
        file = parquet.ParquetFile(stream, pre_buffer=False, coerce_int96_timestamp_unit="us")
    except (pa.ArrowException, OSError) as error:
        raise DataLabError(
            "E_PARQUET_DAMAGED", f"{name} cannot be read: {error}", "was the upload cut off?"
        ) from error
    given = file.schema_arrow
    check_width(len(given), name)
    names = clean_names(given.names)
    schema = pa.schema(
        [pa.field(clean, _delta_type(f.type)) for clean, f in zip(names, given, strict=True)]
        + [pa.field("_raw", pa.string()), pa.field("_problem", pa.string())]
    )

    def batches() -> Iterator[pa.RecordBatch]:
        try:
            for batch in file.iter_batches(batch_size=rows_at_once(len(given), 32_768)):
                columns = [
                    column if column.type == wanted.type else _cast(column, wanted, name)
                    for column, wanted in zip(batch.columns, schema, strict=False)
                ]
                nothing = pa.nulls(batch.num_rows, pa.string())
                yield pa.RecordBatch.from_arrays([*columns, nothing, nothing], schema=schema)
        except (pa.ArrowException, OSError) as error:
            raise DataLabError(
                "E_PARQUET_DAMAGED", f"{name} cannot be read: {error}", "export it again"
            ) from error

    renamed = {clean: raw for clean, raw in zip(names, given.names, strict=True) if clean != raw}
    return Source(schema, batches, given.names, {"format": "parquet", "columns": renamed})


def _cast(column: pa.Array, wanted: pa.Field, name: str) -> pa.Array:
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if isinstance(column.type, pa.UuidType):
        return pa.array([None if each is None else str(each) for each in column.to_pylist()], pa.string())
    if isinstance(column.type, pa.BaseExtensionType):
        column = column.storage
    if _holds_uuid(column.type):
        raise DataLabError(
            "E_PARQUET_VALUE",
            f"{name}, column {wanted.name}: UUIDs inside of a {column.type} can't be read",
            "export them as text, or in a column of their own",
        )
    try:
        return column.cast(wanted.type)
    except pa.ArrowException as error:
        raise DataLabError(
            "E_PARQUET_VALUE", f"{name}, column {wanted.name}: {error}", "export the column as text"
        ) from error


def _holds_uuid(given: pa.DataType) -> bool:
    """Whether a list, struct or map holds UUIDs: a cast to text would take their bytes for letters."""
    parts = [given.field(n).type for n in range(given.num_fields)]
    return any(isinstance(part, pa.UuidType) or _holds_uuid(part) for part in parts)


def _delta_type(given: pa.DataType) -> pa.DataType:
    """The nearest type that a Delta table can hold without losing a value. A UUID is text."""
    types = pa.types
    if isinstance(given, pa.BaseExtensionType) and not isinstance(given, pa.UuidType):
        return _delta_type(given.storage_type)
    if types.is_dictionary(given):
        return _delta_type(given.value_type)
    if types.is_timestamp(given):
        return pa.timestamp("us", tz="UTC" if given.tz else None)
    if types.is_unsigned_integer(given):
        wider = {8: pa.int16(), 16: pa.int32(), 32: pa.int64()}
        return wider.get(given.bit_width, pa.decimal128(20, 0))
    if types.is_float16(given):
        return pa.float32()
    if types.is_date64(given):
        return pa.date32()
    if types.is_large_binary(given) or types.is_fixed_size_binary(given) or types.is_binary_view(given):
        return pa.binary()
    if types.is_list(given) or types.is_large_list(given) or types.is_fixed_size_list(given):
        return pa.list_(pa.field("element", _delta_type(given.value_type)))
    if types.is_struct(given):
        return pa.struct([pa.field(f.name, _delta_type(f.type)) for f in given])
    if types.is_map(given):
        return pa.map_(_delta_type(given.key_type), _delta_type(given.item_type))
    same = types.is_integer(given) or types.is_floating(given) or types.is_boolean(given)
    if same or types.is_date32(given) or types.is_binary(given) or types.is_decimal128(given):
        return given
    return pa.string()
