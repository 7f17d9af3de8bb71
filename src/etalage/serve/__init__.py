"""Pages and interfaces over HTTP: the only room that knows the web framework."""
