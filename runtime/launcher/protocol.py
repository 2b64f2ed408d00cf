"""What engine and zygote agree on beside the messages themselves."""

from __future__ import annotations

# A message must fit the socket's buffer, whose default is 208 KiB (socket(7))
MESSAGE_BYTES = 200_000
