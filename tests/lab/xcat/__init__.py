"""The xCAT stand-in: a small test double of xCAT 2, labelled as one everywhere."""
