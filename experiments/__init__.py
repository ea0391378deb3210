"""The paper's figures and claims, studies of scenarios, and the command lines' parts."""
