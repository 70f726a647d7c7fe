"""Makes the scenarios' library importable."""

from __future__ import annotations

import os
import sys

_TESTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(_TESTS, "lab"))
sys.path.insert(0, os.path.join(_TESTS, "scenarios"))
