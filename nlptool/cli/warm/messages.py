"""Messages over a Unix socket: JSON, some with descriptors of open files."""

from __future__ import annotations

import json
import os
import socket
import struct

TYPE_CHECKING = (
    False  # as of typing, whose import would take a seventh of the start of a command that a warm server runs
)
if TYPE_CHECKING:
    from typing import Any

_HEAD = struct.Struct("!IB")  # bytes of the JSON, and descriptors
_LONGEST = 1 << 26  # bytes: the environment and the arguments of a process are shorter
_MOST_DESCRIPTORS = 8
_DESCRIPTOR = struct.Struct("i")
_CREDENTIALS = struct.Struct("3i")  # process, user, group


class Message:
    """What was received: a value, and the descriptors that came with it, which whoever received it closes."""

    def __init__(self, value: dict[str, Any], descriptors: tuple[int, ...]) -> None:
        self.value = value
        self.descriptors = descriptors


class Channel:
    """An end of a connection that messages go through.

    Args:
        connection: a Unix stream socket; it is closed with the channel.
    """

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self._received = bytearray()
        self._descriptors: list[int] = []

    def fileno(self) -> int:
        return self.connection.fileno()

    def send(self, value: dict[str, Any], descriptors: tuple[int, ...] = ()) -> None:
        """Send a message.

        Raises:
            OSError: the other end is gone, or has not taken it in time.
        """
        body = json.dumps(value).encode()
        data = memoryview(_HEAD.pack(len(body), len(descriptors)) + body)
        beside = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, b"".join(map(_DESCRIPTOR.pack, descriptors)))]
        n_sent = self.connection.sendmsg([data], beside if descriptors else [])
        if n_sent < len(data):  # sending nothing fails where the other end has answered and gone
            self.connection.sendall(data[n_sent:])

    def receive(self) -> Message | None:
        """Return the next message, or None where the other end is closed.

        Raises:
            OSError: none came in time, or it is none.
        """
        while (message := self.next_received()) is None:
            if not self.fill():
                return None
        return message

    def fill(self) -> bool:
        """Receive what has come; return whether the other end is open.

        Raises:
            OSError: nothing came in time.
        """
        room = socket.CMSG_SPACE(_MOST_DESCRIPTORS * _DESCRIPTOR.size)
        try:
            data, beside, _, _ = self.connection.recvmsg(1 << 16, room)
        except ConnectionResetError:
            return False
        for level, kind, content in beside:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                whole = len(content) - len(content) % _DESCRIPTOR.size
                received = [number for (number,) in _DESCRIPTOR.iter_unpack(content[:whole])]
                for number in received:  # a process that is started meanwhile would keep the pipes of a run open
                    os.set_inheritable(number, False)
                self._descriptors += received
        self._received += data
        return bool(data)

    def next_received(self) -> Message | None:
        """Return the next message of those that ``fill`` received whole, or None.

        Raises:
            OSError: what came is no message.
        """
        if len(self._received) < _HEAD.size:
            return None
        length, n_descriptors = _HEAD.unpack_from(self._received)
        if length > _LONGEST:
            raise OSError("no message of nlptool")
        end = _HEAD.size + length
        if len(self._received) < end:
            return None
        try:
            value = json.loads(self._received[_HEAD.size : end])
        except ValueError as error:
            raise OSError("no message of nlptool") from error
        if not isinstance(value, dict):
            raise OSError("no message of nlptool")
        del self._received[:end]
        descriptors, self._descriptors = tuple(self._descriptors[:n_descriptors]), self._descriptors[n_descriptors:]
        return Message(value, descriptors)

    def close(self) -> None:
        close(tuple(self._descriptors))
        self.connection.close()


def close(descriptors: tuple[int, ...]) -> None:
    """Close descriptors that came with a message."""
    for descriptor in descriptors:
        os.close(descriptor)


def connect(path: str, patience: float) -> Channel:
    """Return a connection to the server of this user that has a name.

    Args:
        patience: seconds that each step of what follows may take.

    Raises:
        OSError: there is none, or it is another user's.
    """
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(patience)
    try:
        connection.connect(path)
        if not is_of_this_user(connection):
            raise OSError("a server of another user")
    except OSError:
        connection.close()
        raise
    return Channel(connection)


def ask(path: str, question: str, patience: float) -> dict[str, Any] | None:
    """Ask a server ``status`` or ``stop``; return its answer, or None where it gives none.

    Raises:
        OSError: as of ``connect``.
    """
    channel = connect(path, patience)
    try:
        channel.send({question: True})
        answer = channel.receive()
    except OSError:
        return None
    finally:
        channel.close()
    return None if answer is None else answer.value


def is_of_this_user(connection: socket.socket) -> bool:
    """Return whether the process at the other end is this user's; where the system does not say it, the folder's rights keep
    others out."""
    if not hasattr(socket, "SO_PEERCRED"):  # macOS
        return True
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, user, _ = _CREDENTIALS.unpack(credentials)
    return bool(user == os.getuid())
