"""The runner's files stand beside it, as when it is started as a program."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
