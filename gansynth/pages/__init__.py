"""Pages of HTML that need nothing else: their style, their plots."""
