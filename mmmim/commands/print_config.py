"""Print a config as it takes effect: all its files and options as one, in Python that runs.

python tools/print_config.py configs/mae/vit-tiny_toy.py
python tools/print_config.py configs/mae/vit-tiny_toy.py --origin
python tools/print_config.py configs/mae/vit-tiny_toy.py --cfg-options model.masker.mask_ratio=0.6 --origin
"""

from __future__ import annotations

import argparse
import sys
from contextlib import redirect_stdout

from mmmim.commands.command_line import OUTPUT, CommandParser
from mmmim.commands.running import libraries_loading, run_tool
from mmmim.config.find import find_config


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Return the parsed command line."""
    parser = CommandParser(description=__doc__)
    parser.add_config()
    parser.add_cfg_options()
    parser.group(OUTPUT).add_argument(
        "--origin", action="store_true", help="say of each value which file, or option, sets it"
    )
    return parser.parse_args(argv)


def run(args: argparse.Namespace) -> None:
    """Print the config of the command line, with origins where they are asked for."""
    find_config(args.config)
    with libraries_loading():
        from mmmim.config.origin import origins
        from mmmim.config.printing import printed
        from mmmim.launch.options import load_config
    with redirect_stdout(sys.stderr):  # what imported libraries print is no part of the config
        cfg = load_config(args.config, args.cfg_options)
        found = origins(cfg.filename, args.cfg_options)
    settings = {key: value for key, value in cfg.to_dict().items() if key in found}  # work_dir is the command line's
    print(printed(settings, found if args.origin else None), end="")


def main(argv: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    return run_tool(run, parse_args(argv))
