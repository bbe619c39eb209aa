"""The types and values that a Delta table can hold, so that every reader of the lake gets them back."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

# The first and the last day of the years 1 to 9999, as days from 1970.
FIRST_DAY, LAST_DAY = -719_162, 2_932_896
DAY = 86_400 * 1_000_000


def holds(given: pa.DataType, is_one: Callable[[pa.DataType], bool]) -> bool:
    """Whether a list, struct or map has a part of this kind inside."""
    parts = [given.field(n).type for n in range(given.num_fields)]
    return any(is_one(part) or holds(part, is_one) for part in parts)


def out_of_range(column: pa.Array) -> str | None:
    """What is wrong with the dates or times of a column, which has the years 1 to 9999; None: nothing."""
    if pa.types.is_date(column.type):
        low, high = FIRST_DAY, LAST_DAY
        days = (
            column.cast(pa.int32())
            if pa.types.is_date32(column.type)
            else column.cast(pa.date32()).cast(pa.int32())
        )
    elif pa.types.is_timestamp(column.type):
        # A part of a unit at either end does not matter: the next one is a whole year away.
        per_day = DAY * {"s": 1e-6, "ms": 1e-3, "us": 1, "ns": 1e3}[column.type.unit]
        low, high = int(FIRST_DAY * per_day), int((LAST_DAY + 1) * per_day) - 1
        days = column.cast(pa.int64())
    else:
        return None
    ends = pc.min_max(days)
    least, most = ends["min"].as_py(), ends["max"].as_py()
    if least is None or (low <= least and most <= high):
        return None
    return f"{column.type} outside of the years 1 to 9999"


def delta_type(given: pa.DataType) -> pa.DataType:
    """The nearest type that a Delta table can hold without losing a value. A UUID is text."""
    types = pa.types
    if isinstance(given, pa.BaseExtensionType) and not isinstance(given, pa.UuidType):
        return delta_type(given.storage_type)
    if types.is_dictionary(given):
        return delta_type(given.value_type)
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
        return pa.list_(pa.field("element", delta_type(given.value_type)))
    if types.is_struct(given):
        return pa.struct([pa.field(f.name, delta_type(f.type)) for f in given])
    if types.is_map(given):
        return pa.map_(delta_type(given.key_type), delta_type(given.item_type))
    same = types.is_integer(given) or types.is_floating(given) or types.is_boolean(given)
    if same or types.is_date32(given) or types.is_binary(given) or types.is_decimal128(given):
        return given
    return pa.string()
