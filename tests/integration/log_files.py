"""The log's segments as shared/log/FORMAT.md lays them out, and ways to damage them."""

import struct
from typing import NamedTuple

HEADER_SIZE = 64
FRAME_HEADER_SIZE = 24
FRAME_MAGIC = b"\xfeREC"
CURSOR_SLOT_SIZE = 4096


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


def of_newer_version(segment, features=0):
    """The segment as a program of the next version would have begun it; or as one with these features would."""
    header = bytearray(segment[:HEADER_SIZE])
    struct.pack_into("<II", header, 8, 1 if features else 2, features)
    struct.pack_into("<I", header, 60, crc32c(header[:60]))
    return bytes(header) + segment[HEADER_SIZE:]


def with_newer_record(segment):
    """The segment whose last record is an envelope of the next version."""
    changed = bytearray(segment)
    last = list(frames(segment))[-1]
    changed[last.offset + FRAME_HEADER_SIZE] = 2
    struct.pack_into("<I", changed, last.offset + 8, crc32c(changed[last.offset + FRAME_HEADER_SIZE:last.offset + last.size]))
    log_id = segment[16:32]
    struct.pack_into("<I", changed, last.offset + 4, crc32c(log_id + changed[last.offset + 8:last.offset + FRAME_HEADER_SIZE]))
    return bytes(changed)


def cursor_with(cursor, change):
    """The cursor file after change(slot), a bytearray, of both slots."""
    changed = b""
    for begin in (0, CURSOR_SLOT_SIZE):
        slot = bytearray(cursor[begin:begin + CURSOR_SLOT_SIZE])
        change(slot)
        struct.pack_into("<I", slot, CURSOR_SLOT_SIZE - 4, crc32c(slot[:-4]))
        changed += slot
    return changed


def raise_cursor_version(slot):
    struct.pack_into("<I", slot, 8, 2)


def raise_data_version(slot):
    """Of what the cursor carries."""
    (ranges,) = struct.unpack_from("<I", slot, 56)
    assert slot[64 + 16 * ranges] == 1
    slot[64 + 16 * ranges] = 2


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
