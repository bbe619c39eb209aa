"""Parquet: the values with their types, widened where a Delta table has no such type."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pyarrow as pa

from datalab.errors import DataLabError
from datalab.formats.columns import clean_names
from datalab.formats.delta_types import delta_type, holds, out_of_range
from datalab.formats.sniff import Stream
from datalab.formats.source import Source, check_width, rows_at_once

if TYPE_CHECKING:
    from pyarrow import parquet

# A damaged file may have names that are no text.
DAMAGED = (pa.ArrowException, OSError, UnicodeDecodeError)


def parquet_file(stream: Stream, name: str) -> Source:
    """A Parquet file as a source."""
    from pyarrow import parquet

    try:
        # INT96 as nanoseconds, the default, holds the years 1677 to 2262 alone.
        file = parquet.ParquetFile(stream, pre_buffer=False, coerce_int96_timestamp_unit="us")
        given = file.schema_arrow
        headings = list(given.names)
    except DAMAGED as error:
        raise DataLabError(
            "E_PARQUET_DAMAGED", f"{name} cannot be read: {error}", "was the upload cut off?"
        ) from error
    check_width(len(given), name)
    names = clean_names(headings)
    finer = _finer_than_delta(file, name)
    schema = pa.schema(
        [
            pa.field(clean, pa.string() if f.name in finer else delta_type(f.type))
            for clean, f in zip(names, given, strict=True)
        ]
        + [pa.field("_raw", pa.string()), pa.field("_problem", pa.string())]
    )

    def batches() -> Iterator[pa.RecordBatch]:
        try:
            for batch in file.iter_batches(batch_size=rows_at_once(len(given), 32_768)):
                _check_values(batch, name)
                columns = [
                    column if column.type == wanted.type else _cast(column, wanted, name)
                    for column, wanted in zip(batch.columns, schema, strict=False)
                ]
                nothing = pa.nulls(batch.num_rows, pa.string())
                yield pa.RecordBatch.from_arrays([*columns, nothing, nothing], schema=schema)
        except DAMAGED as error:
            raise DataLabError(
                "E_PARQUET_DAMAGED", f"{name} cannot be read: {error}", "export it again"
            ) from error

    renamed = {clean: raw for clean, raw in zip(names, headings, strict=True) if clean != raw}
    return Source(schema, batches, headings, {"format": "parquet", "columns": renamed})


def _finer_than_delta(file: parquet.ParquetFile, name: str) -> set[str]:
    """Columns of nanoseconds with digits that a Delta table would lose, which has microseconds: they are kept
    as text. A pass over these columns alone."""
    columns = [field.name for field in file.schema_arrow if _is_nanoseconds(field.type)]
    found: set[str] = set()
    try:
        for batch in file.iter_batches(columns=columns) if columns else ():
            for heading, column in zip(batch.schema.names, batch.columns, strict=True):
                rounded = column.cast(pa.timestamp("us", column.type.tz), safe=False).cast(
                    column.type, safe=False
                )
                if not rounded.equals(column):
                    found.add(heading)
    except DAMAGED as error:
        raise DataLabError(
            "E_PARQUET_DAMAGED", f"{name} cannot be read: {error}", "export it again"
        ) from error
    return found


def _is_nanoseconds(given: pa.DataType) -> bool:
    return pa.types.is_timestamp(given) and given.unit == "ns"


def _check_values(batch: pa.RecordBatch, name: str) -> None:
    """Refuse what no reader of a Delta table takes: bytes called a text, years that no calendar has."""
    for heading, column in zip(batch.schema.names, batch.columns, strict=True):
        try:
            column.validate(full=True)
        except pa.ArrowInvalid as error:
            raise DataLabError(
                "E_PARQUET_VALUE", f"{name}, column {heading}: {error}", "export the column as bytes"
            ) from error
        if (problem := out_of_range(column)) is not None:
            raise DataLabError(
                "E_PARQUET_VALUE", f"{name}, column {heading}: {problem}", "export the column as text"
            )


def _cast(column: pa.Array, wanted: pa.Field, name: str) -> pa.Array:
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if isinstance(column.type, pa.UuidType):
        return pa.array([None if each is None else str(each) for each in column.to_pylist()], pa.string())
    if isinstance(column.type, pa.BaseExtensionType):
        column = column.storage
    if holds(column.type, lambda part: isinstance(part, pa.UuidType)):
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
