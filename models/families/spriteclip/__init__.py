"""SpriteCLIP: the small video-text model that ships with the project, and all that made it."""
