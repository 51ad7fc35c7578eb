"""Checkpoints of runs, measured by what their networks make."""
