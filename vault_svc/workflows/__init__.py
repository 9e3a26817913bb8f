"""Key rotations as Temporal workflows: what takes minutes or days, whatever dies meanwhile."""
