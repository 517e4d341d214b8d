"""A page of static files that restores photographs in the browser with a network of this project."""
