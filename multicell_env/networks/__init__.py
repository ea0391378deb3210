"""What networks are made of: mean gains between cells, and where stations and users stand."""
