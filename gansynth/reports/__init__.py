"""What was measured: records on disk, words, and pages of HTML."""
