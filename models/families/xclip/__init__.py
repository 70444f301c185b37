"""X-CLIP: Microsoft's video-text models, whose frames look at each other."""
