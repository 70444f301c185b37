"""From clips to vectors: the one batch loop, its jobs, results and stores."""
