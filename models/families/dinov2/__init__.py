"""DINOv2: image models of Meta that were trained without texts."""
