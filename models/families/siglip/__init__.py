"""SigLIP: Google's image-text models with a score of its own for every text."""
