"""Numbers that look random and are the same in every version of Python."""

import hashlib


class Draw:
    def __init__(self, name: str):
        self._name = name.encode()
        self._count = 0

    def below(self, end: int) -> int:
        """0 to end - 1, end at most 2^64."""
        self._count += 1
        digest = hashlib.sha256(self._name + self._count.to_bytes(8, "little")).digest()
        return int.from_bytes(digest[:16], "little") % end

    def between(self, first: int, last: int) -> int:
        return first + self.below(last - first + 1)

    def bytes(self, count: int) -> bytes:
        return bytes(self.below(256) for _ in range(count))
