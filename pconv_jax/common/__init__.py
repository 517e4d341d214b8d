"""Small shared modules: errors, the cache, atomic writes, the frame of a command, XLA options."""
