"""What the families share that run through transformers: preprocessing, loading, encoders."""
