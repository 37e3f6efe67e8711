"""A file system of one file, `program`, whose content is that of a file given. Usage: hostile_fuse.py MOUNTPOINT FILE [silent]
With `silent` nobody who asks for the file system's facts (statfs) gets an answer. Speaks the kernel's FUSE protocol 7.31
(include/uapi/linux/fuse.h) over /dev/fuse; prints `mounted` once it is."""

import ctypes
import os
import struct
import sys

mountpoint, source, silent = sys.argv[1], sys.argv[2], sys.argv[3:] == ["silent"]
content = open(source, "rb").read()
LOOKUP, FORGET, GETATTR, OPEN, READ, STATFS, RELEASE, INIT, FLUSH = 1, 2, 3, 14, 15, 17, 18, 26, 25
OPENDIR, RELEASEDIR, INTERRUPT, BATCH_FORGET = 27, 29, 36, 42
ROOT, PROGRAM = 1, 2
ENOENT, ENOSYS = 2, 38
VALID_S = 1000


def attributes(node):
    size, mode = (0, 0o40755) if node == ROOT else (len(content), 0o100755)
    times = (1_700_000_000,) * 3 + (1, 1, 1)
    return struct.pack("<6Q10I", node, size, 8, *times[:3], *times[3:], mode, 1, 0, 0, 0, 4096, 0)


def answer(opcode, node, body):
    """The reply's payload, an errno, or None where there is none to send."""
    if opcode == INIT:
        return struct.pack("<4I2H2I2HI28x", 7, 31, 1 << 17, 0, 12, 10, 1 << 17, 1, 32, 0, 0)
    if opcode == LOOKUP:
        if body.rstrip(b"\0") != b"program":
            return ENOENT
        return struct.pack("<4Q2I", PROGRAM, 0, VALID_S, VALID_S, 0, 0) + attributes(PROGRAM)
    if opcode == GETATTR:
        return struct.pack("<QII", VALID_S, 0, 0) + attributes(node)
    if opcode in (OPEN, OPENDIR):
        return struct.pack("<QII", 0, 0, 0)
    if opcode == READ:
        offset, size = struct.unpack_from("<QI", body, 8)
        return content[offset : offset + size]
    if opcode == STATFS:
        return None if silent else struct.pack("<5Q4I24x", 0, 0, 0, 1, 0, 4096, 255, 4096, 0)
    if opcode in (RELEASE, RELEASEDIR, FLUSH):
        return b""
    return None if opcode in (FORGET, BATCH_FORGET, INTERRUPT) else ENOSYS


fd = os.open("/dev/fuse", os.O_RDWR)
options = f"fd={fd},rootmode=40000,user_id=0,group_id=0,allow_other".encode()
libc = ctypes.CDLL(None, use_errno=True)
if libc.mount(b"hostile", mountpoint.encode(), b"fuse", 0, options) != 0:
    sys.exit(f"mount: {os.strerror(ctypes.get_errno())}")
print("mounted", flush=True)
while True:
    try:
        request = os.read(fd, 1 << 20)
    except OSError:
        break
    _, opcode, unique, node = struct.unpack_from("<IIQQ", request)
    reply = answer(opcode, node, request[40:])
    if reply is None:
        continue
    error, payload = (-reply, b"") if isinstance(reply, int) else (0, reply)
    try:
        os.write(fd, struct.pack("<IiQ", 16 + len(payload), error, unique) + payload)
    except OSError:
        pass
