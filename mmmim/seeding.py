from __future__ import annotations

import hashlib
import struct


def mix(*numbers: int) -> int:
    """A well-mixed 64-bit number: neighbouring arguments give unrelated results."""
    digest = hashlib.blake2b(struct.pack(f"<{len(numbers)}q", *numbers), digest_size=8).digest()
    return int.from_bytes(digest, "little")
