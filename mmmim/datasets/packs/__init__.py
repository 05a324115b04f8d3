"""Write and verify packs: the images of a source in a few large files."""

from .settings import PackSettings
from .verify import Verification, verify_pack
from .writer import PackReport, write_pack

__all__ = ["PackReport", "PackSettings", "Verification", "verify_pack", "write_pack"]
