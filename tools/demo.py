"""The whole workflow on built-in data: pre-train, probe, segment, detect, draw. Ends with a summary."""

import sys

from mmmim.commands.demo import main

if __name__ == "__main__":
    sys.exit(main())
