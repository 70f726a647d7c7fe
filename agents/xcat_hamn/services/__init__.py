"""The services of a management node: xcatd, DNS, DHCP, consoles, OS deployment."""
