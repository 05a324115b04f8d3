from __future__ import annotations

import hashlib
import struct


def derive_seed(*numbers: int) -> int:
    """Return a 64-bit seed that is a hash of the arguments, so that neighbouring arguments give unrelated seeds."""
    digest = hashlib.blake2b(struct.pack(f"<{len(numbers)}q", *numbers), digest_size=8).digest()
    return int.from_bytes(digest, "little")
