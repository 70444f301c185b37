"""SigLIP 2 of fixed resolution: SigLIP's towers with the words of many languages."""
