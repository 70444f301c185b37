"""The panels: ipywidgets views over the controllers, one file each. No arithmetic, no files."""
