"""Sets of pictures, label maps and boxes, measured against true ones."""
