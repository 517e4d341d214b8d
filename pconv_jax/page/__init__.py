"""The web page on which photographs are restored: `pconv-jax page`. It is served to this machine alone."""
