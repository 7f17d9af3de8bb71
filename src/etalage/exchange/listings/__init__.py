"""What sources hold, listed before an image is read."""
