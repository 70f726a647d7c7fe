"""xcat-hamn: high availability for the xCAT management node, as Pacemaker resource agents."""

__version__ = "0.1.0"
