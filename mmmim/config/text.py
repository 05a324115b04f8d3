from __future__ import annotations

import ast
from typing import Any


def config_value(config: Any, key: str) -> Any:
    """Return a key of the text of a config, read without running it; what is no plain value becomes None."""
    try:
        lines = ast.parse(config).body if isinstance(config, str) else []
    except SyntaxError:
        return None
    for line in lines:
        if isinstance(line, ast.Assign) and isinstance(line.targets[0], ast.Name) and line.targets[0].id == key:
            return _value(line.value)
    return None


def _value(node: ast.expr) -> Any:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "dict":
        return {keyword.arg: _value(keyword.value) for keyword in node.keywords}
    if isinstance(node, (ast.List, ast.Tuple)):
        return [_value(entry) for entry in node.elts]
    try:
        return ast.literal_eval(node)
    except ValueError:
        return None
