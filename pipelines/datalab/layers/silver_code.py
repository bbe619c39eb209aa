"""Whether the code that makes silver is still the code that made a table: if not, the table is made again."""

from __future__ import annotations

import ast
import hashlib
from functools import cache
from pathlib import Path

LIBRARY = Path(__file__).parent.parent
# Every file that decides which rows are in silver, and with which values and types.
DECIDES = (
    "layers/silver.py",
    "layers/silver_plan.py",
    "layers/silver_rows.py",
    "layers/tiles.py",
    "layers/infer.py",
    "layers/quality.py",
    "layers/written.py",
    "formats/columns.py",
    "duck.py",
)
# By hash of the present code: earlier code that makes the same rows. Its tables are not made again.
# The first: one query over all columns instead of tiles; the second: the files before they had rooms, hashed
# byte by byte.
SAME_ROWS = {"778c39a2b35d2d0c": ("165ff4cb03a9ebce", "1f19c0375c3449c9")}


@cache
def code_hash() -> str:
    """Changes when the code that makes silver does. A moved file is the same code."""
    digest = hashlib.sha256()
    for name in DECIDES:
        digest.update(meaning((LIBRARY / name).read_text()).encode())
    return digest.hexdigest()[:16]


def made_by_this_code(recorded: object) -> bool:
    """Whether a table's commit recorded the hash of this code, or of code that makes the same rows."""
    return recorded == code_hash() or recorded in SAME_ROWS.get(code_hash(), ())


def meaning(source: str) -> str:
    """The code without what decides no row: layout, comments, docstrings, the folder an import names."""
    module = ast.parse(source)
    for node in ast.walk(module):
        if isinstance(node, ast.ImportFrom):
            node.module = (node.module or "").rpartition(".")[2]
        elif (
            isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
            and ast.get_docstring(node) is not None
        ):
            node.body = node.body[1:]
    imports = [each for each in module.body if isinstance(each, ast.Import | ast.ImportFrom)]
    rest = [each for each in module.body if each not in imports]
    return "\n".join([*sorted(map(ast.dump, imports)), *map(ast.dump, rest)])
