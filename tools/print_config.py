"""Print a config as it takes effect: all its files and options as one, in Python that runs."""

import sys

from mmmim.commands.print_config import main

if __name__ == "__main__":
    sys.exit(main())
