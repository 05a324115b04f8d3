"""Measure data, steps, start-up and evaluation, in turns with mmpretrain where it is installed."""
