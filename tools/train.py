"""Train any config of the project: pre-training, probing, fine-tuning, MMSegmentation, MMDetection."""

import sys

from mmmim.commands.train import main

if __name__ == "__main__":
    sys.exit(main())
