"""How far masked pixels are from visible ones, by masking strategy, cell size and mask ratio (SimMIM, Figure 3)."""

import sys

from mmmim.commands.avgdist import main

if __name__ == "__main__":
    sys.exit(main())
