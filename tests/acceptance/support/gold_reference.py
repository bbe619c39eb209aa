"""Runs the gold SQL files on flights.csv itself: DuckDB's own CSV reader, none of the platform's code."""

import json
import sys
from pathlib import Path

import duckdb

TEXT = ["carrier", "tailnum", "origin", "dest"]
TIMES = ["dep_time", "sched_dep_time", "dep_delay", "arr_time", "sched_arr_time", "arr_delay", "air_time"]
NUMBERS = ["year", "month", "day", "flight", "distance", "hour", "minute"]

connection = duckdb.connect()
connection.execute("SET TimeZone = 'UTC'")
connection.execute("CREATE SCHEMA silver")
columns = dict.fromkeys(TEXT, "VARCHAR") | dict.fromkeys(TIMES + NUMBERS, "BIGINT")
types = ", ".join(f"'{name}': '{kind}'" for name, kind in columns.items())
reader = f"read_csv('/flights.csv', nullstr = ['NA', ''], types = {{{types}}})"
connection.execute(f"CREATE TABLE silver.flights AS SELECT * FROM {reader}")
answer = {}
for file in sorted(Path("/gold").glob("*.sql")):
    sql = file.read_text().rstrip().rstrip(";")
    cursor = connection.execute(f"SELECT CAST(COLUMNS(*) AS VARCHAR) FROM ({sql}) ORDER BY ALL")
    names = [column[0] for column in cursor.description]
    answer[file.stem] = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
json.dump(answer, sys.stdout)
