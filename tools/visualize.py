"""Pictures of pre-training; everything is drawn without a display."""

import sys

from mmmim.commands.visualize import main

if __name__ == "__main__":
    sys.exit(main())
