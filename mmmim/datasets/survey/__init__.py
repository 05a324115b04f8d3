"""Look at images before anything is trained on them: sizes, kinds, broken files, duplicates."""

from .looked_at import Broken, LookedAt
from .reading import Reading, reading_of
from .report import describe, facts
from .survey import Part, Survey, survey

__all__ = ["Broken", "LookedAt", "Part", "Reading", "Survey", "describe", "facts", "reading_of", "survey"]
