"""Finding damage: arrays in, a map of the damage out."""
