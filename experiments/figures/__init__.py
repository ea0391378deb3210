"""The paper's figures and claims: what they show, what is measured for them, and how they are drawn."""
