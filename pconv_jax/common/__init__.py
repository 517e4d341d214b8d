"""Small things that every part shares: errors, the cache, atomic writes, how commands end, XLA options."""
