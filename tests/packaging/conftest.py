import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from chroot import reason_to_skip  # noqa: E402

REASON = reason_to_skip()


def pytest_collection_modifyitems(items):
    for item in items:
        if REASON and hasattr(item.module, "Chroot"):
            item.add_marker(pytest.mark.skip(reason=REASON))
