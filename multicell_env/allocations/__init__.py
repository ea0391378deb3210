"""Methods that are not learned."""
