from __future__ import annotations

import ast
from typing import Any


def model_settings(config: Any) -> dict[str, Any]:
    """Return ``model`` from the text of a config without running it; whatever is not a plain value becomes None."""
    try:
        lines = ast.parse(config).body if isinstance(config, str) else []
    except SyntaxError:
        return {}
    for line in lines:
        if isinstance(line, ast.Assign) and isinstance(line.targets[0], ast.Name) and line.targets[0].id == "model":
            return _value(line.value) or {}
    return {}


def _value(node: ast.expr) -> Any:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "dict":
        return {keyword.arg: _value(keyword.value) for keyword in node.keywords}
    if isinstance(node, (ast.List, ast.Tuple)):
        return [_value(entry) for entry in node.elts]
    try:
        return ast.literal_eval(node)
    except ValueError:
        return None
