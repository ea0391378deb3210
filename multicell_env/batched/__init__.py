"""Parts of the batch of environments: what it looks like by agent, how blocks follow one another, and where it stands."""
