"""The log's segments as shared/log/FORMAT.md lays them out, and ways to damage them."""

import struct
from typing import NamedTuple

HEADER_SIZE = 64
FRAME_HEADER_SIZE = 24
FRAME_MAGIC = b"\xfeREC"


class Frame(NamedTuple):
    offset: int
    size: int
    sequence: int


def frames(segment):
    """Those of an undamaged segment."""
    at = HEADER_SIZE
    while at < len(segment):
        magic, _, _, length, sequence = struct.unpack_from("<4sIIIQ", segment, at)
        assert magic == FRAME_MAGIC
        yield Frame(at, FRAME_HEADER_SIZE + length, sequence)
        at += FRAME_HEADER_SIZE + length


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def of_newer_version(segment):
    """The segment as a program of the next version would have begun it."""
    header = bytearray(segment[:HEADER_SIZE])
    struct.pack_into("<I", header, 8, 2)
    struct.pack_into("<I", header, 60, crc32c(header[:60]))
    return bytes(header) + segment[HEADER_SIZE:]


def segments(directory):
    return sorted(directory.glob("*.log"))


def flip_bits(directory, chance):
    file = chance.choice(segments(directory))
    data = bytearray(file.read_bytes())
    for _ in range(chance.randint(1, 8)):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    file.write_bytes(data)


def truncate(directory, chance):
    file = chance.choice(segments(directory))
    file.write_bytes(file.read_bytes()[:chance.randrange(file.stat().st_size)])


def append_garbage(directory, chance):
    file = chance.choice(segments(directory))
    file.write_bytes(file.read_bytes() + chance.randbytes(chance.randint(1, 5000)))


def remove(directory, chance):
    chance.choice(segments(directory)).unlink()


def zero_a_block(directory, chance):
    file = chance.choice(segments(directory))
    data = bytearray(file.read_bytes())
    begin = chance.randrange(0, len(data), 4096)
    end = min(begin + 4096, len(data))
    data[begin:end] = bytes(end - begin)
    file.write_bytes(data)


def damage_the_cursor(directory, chance):
    file = next(directory.glob("*.cursor"))
    data = bytearray(file.read_bytes())
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    file.write_bytes(data[:chance.randint(1, len(data))])


DAMAGES = [flip_bits, truncate, append_garbage, remove, zero_a_block, damage_the_cursor]
