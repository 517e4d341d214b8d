"""The command pconv-jax: finds the holes of photographs, plans the work, and restores the photographs."""
