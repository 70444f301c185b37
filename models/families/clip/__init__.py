"""CLIP: the image-text models of OpenAI, LAION and others in its format."""
