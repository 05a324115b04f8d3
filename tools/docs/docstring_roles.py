"""Let Griffe read Sphinx's roles in docstrings: ``:class:`~mmmim.models.heads.Head``` becomes a name in code."""

from __future__ import annotations

import re
from typing import Any

import griffe

ROLE = re.compile(r":(?:attr|class|data|exc|func|meth|mod):`(~?)([^`]+)`")


def without_roles(text: str) -> str:
    """Return a docstring with names in code in place of roles; after a tilde only the last word of a name is kept."""
    return ROLE.sub(lambda match: f"`{match[2].rpartition('.')[2] if match[1] else match[2].lstrip('.')}`", text)


class Roles(griffe.Extension):
    """Changes the docstrings of everything that Griffe loads."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Replace the roles of one docstring."""
        if obj.docstring:
            obj.docstring.value = without_roles(obj.docstring.value)
