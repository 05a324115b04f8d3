"""List the shipped models: their method, length, results and weights."""

import sys

from mmmim.commands.list_models import main

if __name__ == "__main__":
    sys.exit(main())
