"""The tables of xCAT's schema that the stand-in keeps (xCAT-core perl-xCAT/xCAT/Schema.pm)."""

from __future__ import annotations

END = " comments disable"


def _table(columns: str, keys: str) -> tuple[list[str], list[str]]:
    return (columns + END).split(), keys.split()


# table -> (columns in the order of tabdump, key columns)
TABLES: dict[str, tuple[list[str], list[str]]] = {
    "site": _table("key value", "key"),
    "networks": _table(
        "netname net mask mgtifname gateway dhcpserver tftpserver nameservers ntpservers"
        " logservers dynamicrange staticrange staticrangeincrement nodehostname ddnsdomain"
        " vlanid domain mtu",
        "net mask",
    ),
    "nodelist": _table(
        "node groups status statustime appstatus appstatustime primarysn hidden updatestatus"
        " updatestatustime zonename",
        "node",
    ),
    "hosts": _table("node ip hostnames otherinterfaces", "node"),
    "mac": _table("node interface mac", "node"),
    "nodehm": _table(
        "node power mgt cons termserver termport conserver serialport serialspeed serialflow"
        " getmac cmdmapping consoleondemand consoleenabled",
        "node",
    ),
    "noderes": _table(
        "node servicenode netboot tftpserver tftpdir nfsserver monserver nfsdir installnic"
        " primarynic discoverynics cmdinterface xcatmaster current_osimage next_osimage"
        " nimserver routenames nameservers proxydhcp syslog",
        "node",
    ),
    "nodetype": _table("node os arch profile provmethod supportedarchs nodetype", "node"),
    "chain": _table("node currstate currchain chain ondiscover", "node"),
    "osimage": _table(
        "imagename groups profile imagetype description provmethod rootfstype nfsrootopts"
        " osdistroname osupdatename cfmdir osname osvers osarch synclists postscripts"
        " postbootscripts serverrole isdeletable kitcomponents environvar",
        "imagename",
    ),
    "passwd": _table("key username password cryptmethod authdomain", "key username"),
    "policy": _table("priority name host commands noderange parameters time rule", "priority"),
}

# attribute of a node definition -> (table, column)
NODE_ATTRIBUTES: dict[str, tuple[str, str]] = {
    "usercomment": ("nodelist", "comments"),
    "ip": ("hosts", "ip"),
    "hostnames": ("hosts", "hostnames"),
    **{name: ("nodelist", name) for name in "groups status appstatus hidden".split()},
    **{name: ("mac", name) for name in "mac interface".split()},
    **{
        name: ("nodehm", name)
        for name in "power mgt cons conserver serialport serialspeed consoleondemand".split()
    },
    **{
        name: ("noderes", name)
        for name in (
            "servicenode netboot tftpserver nfsserver installnic primarynic xcatmaster nameservers"
        ).split()
    },
    **{name: ("nodetype", name) for name in "os arch profile provmethod".split()},
    **{name: ("chain", name) for name in "currstate currchain chain".split()},
}
NODE_TABLES = ("nodelist", "hosts", "mac", "nodehm", "noderes", "nodetype", "chain")

# type of an object other than a node -> (table, column of the object's name)
OBJECT_TABLES: dict[str, tuple[str, str]] = {
    "network": ("networks", "netname"),
    "osimage": ("osimage", "imagename"),
    "policy": ("policy", "priority"),
}
