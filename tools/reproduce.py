"""Reproduce a results table of a paper: plan and run it, and write published and own numbers side by side."""

import sys

from mmmim.commands.reproduce import main

if __name__ == "__main__":
    sys.exit(main())
