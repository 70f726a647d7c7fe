"""The operator's gate: a fence agent that stands before the power device of a lost node."""
