"""What goes in from other forms than BSON, and out to other tools."""
