"""Where a bulk job runs; knows nothing of products."""
