"""What a run goes on from, as numbers and text."""
