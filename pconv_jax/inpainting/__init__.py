"""Arrays in, arrays out: inpainting images of any size near the damage alone."""
