"""What turns networks and blending into data sets on disk."""
