"""Which user of this machine a connection to the page comes from."""

import os
import socket
import sys
from pathlib import Path

_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
"""Connections and their users, on Linux."""
_ADDRESS, _USER = 1, 7  # columns


def is_this_user(host: str, port: int) -> bool:
    """Whether the other end of a connection belongs to the user whom this process belongs to.

    Only Linux tells. Elsewhere all connections count as this user's, although macOS shows arguments to others too.

    Args:
        host: address of the other end, such as 127.0.0.1.
        port: of the other end.
    """
    tables = [table.read_text(encoding="ascii") for table in _TABLES if table.exists()]
    if sys.platform == "win32" or not tables:
        return True
    number = int.from_bytes(socket.inet_aton(host), sys.byteorder)
    end = f"{number:08X}:{port:04X}"  # of an address of IPv6 also
    rows = [line.split() for table in tables for line in table.splitlines()[1:]]
    users = {int(row[_USER]) for row in rows if row[_ADDRESS].endswith(end)}
    return users == {os.getuid()}
