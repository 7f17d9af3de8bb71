"""The fuzz harness: strange and damaged bytes for everything that reads files from outside."""
