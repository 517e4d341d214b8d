"""The command pconv-jax: where the holes of photographs are, what is to be done, and doing it."""
