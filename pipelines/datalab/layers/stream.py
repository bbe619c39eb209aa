"""Rows on their way to a table: what fails on the way is kept, in its own words."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pyarrow as pa

from datalab.lake import Lake
from datalab.layers.owners import Owners


class Stream:
    """Rows on their way to the writer, which stops before its commit when they fail."""

    def __init__(self, schema: pa.Schema, batches: Callable[[], Iterator[pa.RecordBatch]]) -> None:
        self._schema = schema
        self._batches = batches
        self.failure: Exception | None = None

    def reader(self) -> pa.RecordBatchReader:
        """The stream to hand to the writer."""
        return pa.RecordBatchReader.from_batches(self._schema, self._watched())

    def _watched(self) -> Iterator[pa.RecordBatch]:
        try:
            yield from self._batches()
        except Exception as error:
            self.failure = error
            raise


def replace_table(lake: Lake, layer: str, table: str, stream: Stream, facts: dict[str, str]) -> None:
    """Replace a table by the rows of a stream, in one commit, which is not made if the stream fails.

    In a run of a pipeline, a table of another one is refused.
    """
    if lake.pipeline is not None:
        Owners.read(lake, lake.pipeline).check(lake, layer, table)
    try:
        lake.write(layer, table, stream.reader(), "overwrite", facts, lake.table(layer, table))
    except Exception as error:
        if stream.failure is not None:
            # What failed says more than what the writer makes of it.
            raise stream.failure from error
        raise
