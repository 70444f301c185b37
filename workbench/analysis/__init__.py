"""What vectors mean: arrays in, arrays out; neither torch nor widgets."""
