"""One root file system per Debian release, built once with mmdebstrap and shared by all nodes.

An image lives outside the tree, under a name made from all that determines its content: the
package list, the files below image/, and RECIPE. The mirrors are the host's own and not part of it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import time

from labkit import host, leftovers
from labkit.host import LabError, call, environment, say

RELEASES = ("bookworm", "trixie")

#: Raise it when the code below builds another image from the same lists and files.
RECIPE = 1

#: What both management nodes carry; the compute node boots the same image.
PACKAGES = """
    systemd-sysv dbus procps psmisc iproute2 iputils-ping iputils-arping ndisc6 tcpdump strace
    pacemaker pacemaker-cli-utils corosync pcs resource-agents resource-agents-paf
    ipmitool
    postgresql python3-psycopg2 python3-lxml python3-typer python3-rich
    bind9 bind9-dnsutils isc-dhcp-server isc-dhcp-client conserver-server conserver-client
    openssh-server openssh-client rsync rpm openssl libxml2-utils
""".split()

#: Debian 13 has one package per fence agent; all of them together are 1.5 GB of cloud libraries.
PACKAGES_OF = {
    "bookworm": ["fence-agents"],
    "trixie": "fence-agents-ipmilan fence-agents-heuristics-ping resource-agents-dev".split(),
}

#: Services that provisioning or the cluster starts, never the boot.
DISABLED = """
    corosync pacemaker postgresql named named-resolvconf isc-dhcp-server conserver-server logd rsync
    ipmievd corosync-notifyd
""".split()

#: Housekeeping that would only disturb measurements.
MASKED = """
    apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer
    e2scrub_reap.service fstrim.timer logrotate.timer systemd-tmpfiles-clean.timer
    console-getty.service getty@tty1.service systemd-firstboot.service
""".split()

ENABLED = "lab-network pcsd ssh".split()

UNUSED_DAYS = 14


def ensure(release: str) -> str:
    """Return the directory of the image of `release`; build it first when there is none.

    Raises LabError when it cannot be built.
    """
    if release not in RELEASES:
        raise LabError(f"The release '{release}' is unknown: use {' or '.join(RELEASES)}.")
    image = f"{host.CACHE}/{release}-{key(release)}"
    if not os.path.isdir(image):
        waiting = f"waiting for another build of the {release} image"
        with host.locked(f"{host.CACHE}/{release}.lock", waiting):
            if not os.path.isdir(image):
                _build(release, image)
    os.utime(image)
    return image


def key(release: str) -> str:
    """Return the name of the content: any change to the recipe gives another one."""
    digest = hashlib.sha256()
    for part in (RECIPE, release, _packages(release), DISABLED, MASKED, ENABLED):
        digest.update(f"{part}\n".encode())
    base = _files()
    for folder, folders, names in os.walk(base):
        folders.sort()
        for name in sorted(names):
            path = f"{folder}/{name}"
            with open(path, "rb") as stream:
                content = stream.read()
            mode = os.stat(path).st_mode & 0o777
            digest.update(f"{os.path.relpath(path, base)} {mode:o} {len(content)}\n".encode())
            digest.update(content)
    return digest.hexdigest()[:12]


def _packages(release: str) -> list[str]:
    return PACKAGES + PACKAGES_OF[release]


def _files() -> str:
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), "image")


def _build(release: str, image: str) -> None:
    """Build beside the final place and rename, so that a half-built image is never used."""
    began = time.monotonic()
    say(f"building the {release} image; it takes a few minutes and is kept in {host.CACHE}")
    leftovers.end_build(release)
    temporary = f"{host.CACHE}/.{release}.new"
    os.makedirs(temporary)
    root = f"{temporary}/root"
    try:
        _bootstrap(release, root)
        _finish(root)
        os.rename(root, image)
    finally:
        leftovers.end_build(release)
    say(f"built the {release} image in {time.monotonic() - began:.0f} s: {image}")
    _forget_unused()


def _bootstrap(release: str, root: str) -> None:
    argv = [
        # mmdebstrap mounts the host's /dev, /proc and /sys into the image; killed, it would leave
        # them there, were they not in a namespace that ends with it.
        *("unshare", "--mount", "--propagation", "private", "--"),
        "mmdebstrap",
        "--mode=root",
        "--variant=minbase",
        "--format=directory",
        f"--include={','.join(_packages(release))}",
        "--dpkgopt=force-unsafe-io",
        "--dpkgopt=force-confold",
        "--dpkgopt=path-exclude=/usr/share/doc/*",
        "--dpkgopt=path-exclude=/usr/share/man/*",
        "--dpkgopt=path-exclude=/usr/share/locale/*",
        f"--essential-hook=sync-in {_files()}/before /",
        *(f"--aptopt={option}" for option in _apt_options()),
        release,
        root,
        *_sources(release),
    ]
    env = environment({host.MARK: f"build.{release}", "DEBIAN_FRONTEND": "noninteractive"})
    # Own session: a ctrl-C ends this command, which then ends mmdebstrap, in that order.
    process = subprocess.Popen(argv, env=env, stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        code = process.wait()
    except BaseException:
        host.kill_group(process)
        process.wait()
        raise
    if code != 0:
        raise LabError(
            f"mmdebstrap could not build the {release} image (code {code}): its messages above "
            "say why; most often the host's package mirror does not answer or lacks the release."
        )


def _finish(root: str) -> None:
    shutil.copytree(f"{_files()}/after", root, dirs_exist_ok=True, symlinks=True)
    for action, units in (("disable", DISABLED), ("mask", MASKED), ("enable", ENABLED)):
        for unit in units:
            # Not every release has every unit.
            call(["chroot", root, "systemctl", "--quiet", action, unit], check=action == "enable")
    # Each node gets its own identity at its first boot; two that share one would hide faults.
    for name in os.listdir(f"{root}/etc/ssh"):
        if name.startswith("ssh_host_"):
            os.unlink(f"{root}/etc/ssh/{name}")
    for path in ("etc/machine-id", "etc/hostname", "etc/hosts", "etc/resolv.conf"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{root}/{path}")
    # Debian's package brings a one-node example, which would make "pcs cluster setup" refuse.
    with contextlib.suppress(FileNotFoundError):
        os.unlink(f"{root}/etc/corosync/corosync.conf")
    for path in ("var/lib/apt/lists", "var/cache/apt", "var/log/journal"):
        host.remove_tree(f"{root}/{path}")
        os.makedirs(f"{root}/{path}")


def _sources(release: str) -> list[str]:
    """Return apt's source lines for `release`, from the mirrors that this host itself uses."""
    lines = _mirrors(release)
    if not lines:
        call(["apt-get", "--quiet", "update"], timeout=600, check=False)
        lines = _mirrors(release)
    if not lines:
        raise LabError(
            f"apt on this host names no mirror of Debian {_codename()}, from which the lab's image "
            "would be made: run apt-get update, and check /etc/apt/sources.list."
        )
    return lines


def _mirrors(release: str) -> list[str]:
    """Return what apt knows; nothing before its first update."""
    codename = _codename()
    asked = "$(ORIGIN)|$(CODENAME)|$(REPO_URI)|$(COMPONENT)"
    listed = call(["apt-get", "indextargets", "--format", asked, "Created-By: Packages"]).stdout
    keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
    lines = []
    for entry in sorted(set(listed.splitlines())):
        origin, suite, uri, component = entry.split("|")
        pocket = suite[len(codename) :]
        if origin != "Debian" or component != "main" or not suite.startswith(codename):
            continue
        if pocket in ("", "-updates", "-security"):
            lines.append(f"deb [signed-by={keyring}] {uri} {release}{pocket} main")
    return lines if any(f" {release} main" in line for line in lines) else []


def _codename() -> str:
    with open("/etc/os-release", encoding="utf-8") as stream:
        for line in stream:
            name, _, value = line.strip().partition("=")
            if name == "VERSION_CODENAME":
                return value.strip('"')
    raise LabError("/etc/os-release has no VERSION_CODENAME: run the lab on Debian 12 or 13.")


def _apt_options() -> list[str]:
    """Return the host's proxy and date settings, without which its mirrors may not answer."""
    wanted = ("Acquire::http", "Acquire::https", "Acquire::Check-", "Acquire::Retries")
    listed = call(["apt-config", "dump"]).stdout.splitlines()
    return [line for line in listed if line.startswith(wanted) and not line.endswith(' "";')]


def _forget_unused() -> None:
    """Remove images that no lab stands on and that nobody has asked for in two weeks."""
    used = leftovers.images_in_use()
    for name in os.listdir(host.CACHE):
        path = f"{host.CACHE}/{name}"
        old = time.time() - os.stat(path).st_mtime > UNUSED_DAYS * 86400
        if name.startswith(tuple(f"{release}-" for release in RELEASES)) and old:
            if path in used:
                continue
            # Renamed first: a removal that is interrupted must not leave half an image.
            doomed = f"{host.CACHE}/.{name}.old"
            with contextlib.suppress(OSError):
                os.rename(path, doomed)
                host.remove_tree(doomed)
