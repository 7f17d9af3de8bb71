"""What a labelled catalogue remembers of the pictures of a product, beside what a network says."""
