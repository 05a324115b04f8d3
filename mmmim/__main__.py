"""Run ``python -m mmmim VERB ...``, the same as ``mmmim VERB ...``."""

import sys

from mmmim.commands.main import main

if __name__ == "__main__":
    sys.exit(main())
