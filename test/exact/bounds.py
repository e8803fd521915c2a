"""Rule X-40 as assertions, off unless `enable` was called: they take longer than the forward pass itself."""

_enabled = False


def enable() -> None:
    global _enabled
    _enabled = True


def enabled() -> bool:
    return _enabled


def bound(what: str, value: int, limit: int) -> int:
    """The value, which is at most `limit` in magnitude."""
    if _enabled and abs(value) > limit:
        raise AssertionError(f"X-40: {what} is {value}, over {limit}")
    return value
