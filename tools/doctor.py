"""Report what is installed, what fits together and what does not. The exit status is 1 where something cannot work."""

import sys

from mmmim.commands.doctor import main

if __name__ == "__main__":
    sys.exit(main())
