"""A lab's own volumes: which there are, memory-mapped working copies of them, and what is wrong with them."""
