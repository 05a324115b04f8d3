"""Measure the parts of a CIM step: CPU seconds, and 1e9 multiply-adds (GMAC) per image."""

import sys

from mmmim.commands.cim_parts import main

if __name__ == "__main__":
    sys.exit(main())
