"""How the management node is: one sentence, a line per node, and what would happen next."""
