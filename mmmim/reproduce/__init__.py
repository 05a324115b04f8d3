"""The parts of `tools/reproduce.py`: plan (rows -> runs), toy (rows at toy size), runs, slurm, collect, page."""
