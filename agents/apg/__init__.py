"""Analytic policy gradient: the actor climbs the rewards themselves, through an environment that can be differentiated."""
