"""From an id or a folder to a model: find it, weigh what could run it, build it."""
