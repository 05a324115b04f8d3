"""A check that what a config describes is the part of a model that it stands for."""

from __future__ import annotations

from typing import Any, ClassVar, TypeVar

from mmmim.errors import UsageError
from mmmim.registry import build_part

P = TypeVar("P", bound="Part")


class Part:
    """A base of the base classes of parts; ``contract`` names everything that a model asks of such a part."""

    contract: ClassVar[tuple[str, ...]]

    @classmethod
    def build(cls: type[P], argument: str, config: dict, **known: Any) -> P:
        """Return the part of a ``config``, with open arguments filled from ``known``, if it :meth:`fits`."""
        return cls.fits(argument, build_part(config, **known))

    @classmethod
    def fits(cls: type[P], argument: str, part: Any) -> P:
        """Return ``part`` itself if it is of a subclass, or of any class that has everything in ``contract``.

        Raises:
            UsageError: something is missing; the message names the argument, the class, what it lacks and this class.
        """
        missing = [name for name in cls.contract if not _has(part, name)]
        if missing:
            package = cls.__module__.removesuffix(".base")
            raise UsageError(
                f"{argument}: class {type(part).__name__} has no {', no '.join(missing)}; let it inherit from "
                f"{package}.{cls.__name__} and define what that class leaves open"
            )
        return part


def _has(part: Any, name: str) -> bool:
    return hasattr(part, name) and not getattr(getattr(type(part), name, None), "__isabstractmethod__", False)
