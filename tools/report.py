"""Write one HTML page about a run, or about several side by side."""

import sys

from mmmim.commands.report import main

if __name__ == "__main__":
    sys.exit(main())
