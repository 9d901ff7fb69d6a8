"""Layouts of well-known systems, filled with messages of `families`: what stands behind the header is the message, as loghub's column Content means it.

A layout is a format string over the values of `values`; the first of LEVELS that it names is the level.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from luffy_dagster_tests.core.parsing.families import VALUES, generate

LEVELS = ("LV2", "LV", "L3", "lv", "l1", "JL", "NL", "sgel", "CL")
# name: layout and the family whose messages it carries
LAYOUTS: dict[str, tuple[str, str]] = {
    "pipes": ("{t:%Y%m%d-%H:%M:%S}:{ms}|Step_{c}|{pid}|{m}", "stepcount"),
    "pipes_un": ("{t:%Y%m%d-}{h}:{t.minute}:{t.second}:{ms}|Step_{c}|{pid}|{m}", "t_steps"),
    "proxifier": ("[{t:%m.%d %H:%M:%S}] {exe} - {m}", "w_proxyclient"),
    "proxifier2": ("[{t:%d.%m %H:%M:%S}] {exe} - {m}", "socksgate"),
    "logcat": ("{t:%m-%d %H:%M:%S}.{ms} {pid:>5} {tid:>5} {l1} {c}: {m}", "w_logcat"),
    "logcat_time": ("{t:%m-%d %H:%M:%S}.{ms} {l1}/{c:<16}({pid:>5}): {m}", "w_logcat"),
    "logcat_brief": ("{l1}/{c:<16}({pid:>5}): {m}", "w_logcat"),
    "mac": ("{t:%b} {t.day:>2} {t:%H:%M:%S} {mh} {prog}[{pid}]: {m}", "w_laptop"),
    "mac_sub": ("{t:%b} {t.day:>2} {t:%H:%M:%S} {mh} {prog}[{pid}] ({par}): {m}", "w_laptop"),
    "mac_mixed": ("{t:%b} {t.day:>2} {t:%H:%M:%S} {mh} {prog}[{pid}]{opar}: {m}", "macparts"),
    "tbird": ("- {ep} {t:%Y.%m.%d} {node} {t:%b} {t.day} {t:%H:%M:%S} {node2}/{node2} {comp}: {m}", "w_syslogfarm"),
    "tbird_alert": ("{al} {ep} {t:%Y.%m.%d} {node} {t:%b} {t.day} {t:%H:%M:%S} {node2}/{node2} {comp}: {m}", "farmhosts"),
    "spirit": ("- {ep} {t:%Y.%m.%d} {node} {t:%b} {t.day} {t:%H:%M:%S} {node2}/{node2} {comp}: {m}", "farmhosts"),
    "liberty": ("- {ep} {t:%Y.%m.%d} {node} {t:%b} {t.day:>2} {t:%H:%M:%S} {node} {comp}: {m}", "w_boot"),
    "bgl": ("- {ep} {t:%Y.%m.%d} {rack} {t:%Y-%m-%d-%H.%M.%S}.{us} {rack} RAS {sub} {LV} {m}", "w_bluerack"),
    "bgl_alert": ("{al} {ep} {t:%Y.%m.%d} {rack} {t:%Y-%m-%d-%H.%M.%S}.{us} {rack} RAS {sub} {LV} {m}", "w_bluerack"),
    "hpc": ("{n} {node3} {comp2} {state} {ep} {one} {m}", "w_nodes"),
    "hpc2": ("{n} {node3} {comp2} {state} {ep} {one} {m}", "lattice"),
    "cbs": ("{t:%Y-%m-%d %H:%M:%S}, {L3:<21} {src:<6} {m}", "w_component"),
    "cbs2": ("{t:%Y-%m-%d %H:%M:%S}, {L3:<21} {src:<6} {m}", "wincomponents"),
    "sshd": ("{t:%b} {t.day:>2} {t:%H:%M:%S} LabSZ sshd[{pid}]: {m}", "w_sshd"),
    "sshd2": ("{t:%b} {t.day:>2} {t:%H:%M:%S} gate7 sshd[{pid}]: {m}", "shelldoor"),
    "auth": ("{t:%b} {t.day:>2} {t:%H:%M:%S} gate7 {aprog}: {m}", "w_login"),
    "iso_syslog": ("{t:%Y-%m-%dT%H:%M:%S}.{us}+00:00 gate7 {aprog}: {m}", "w_login"),
    "nova": ("nova-api.log.1.2017-05-16_13:53:08 {t:%Y-%m-%d %H:%M:%S}.{ms} {pid} {LV2} {mod} [req-{uuid} {hex} {hex2} - - -] {m}", "w_cloudapi"),
    "nova2": ("{t:%Y-%m-%d %H:%M:%S}.{ms} {pid} {LV2} {mod} [-] {m}", "w_cloudapi"),
    "nova3": ("{t:%Y-%m-%d %H:%M:%S}.{ms} {pid} {LV2} {mod} {oreq}{m}", "w_cloudapi"),
    "zk": ("{t:%Y-%m-%d %H:%M:%S},{ms} - {LV2:<5} [{zthr}:{c}@{ln}] - {m}", "lattice"),
    "hadoop": ("{t:%Y-%m-%d %H:%M:%S},{ms} {LV2} [{thr}] {cls}: {m}", "batchfarm"),
    "hdfs": ("{t:%y%m%d %H%M%S} {n} {LV2} dfs.{c}${c}: {m}", "blobstore"),
    "spark": ("{t:%y/%m/%d %H:%M:%S} {LV2} {scls}: {m}", "batchfarm"),
    "apache": ("[{t:%a %b %d %H:%M:%S %Y}] [{lv}] {m}", "nginxerr"),
    "apache24": ("[{t:%a %b %d %H:%M:%S}.{us} {t:%Y}] [core:{lv}] [pid {pid}] {m}", "nginxerr"),
    "linux": ("{t:%b} {t.day:>2} {t:%H:%M:%S} combo {aprog}: {m}", "farmhosts"),
    "install_log": ("{t:%b} {t.day:>2} {t:%H:%M:%S} MacBook-Pro Installer[{pid}]: {m}", "t_desktop"),
    "wulog": ("{t:%Y-%m-%d}\t{t:%H:%M:%S}:{ms}\t {pid4}\t{hx}\t{ag}\t{m}", "x_winupdate"),
    "wulog10": ("{t:%Y/%m/%d %H:%M:%S}.{us}7 {pid4:<5} {pid4:<5} {ag:<15} {m}", "x_winupdate"),
    "setupact": ("{t:%Y-%m-%d %H:%M:%S}, {L3:<21} {m}", "x_winupdate"),
    "slurm": ("[{t:%Y-%m-%dT%H:%M:%S}.{ms}] {m}", "x_scheduler"),
    "pbs": ("{t:%m/%d/%Y %H:%M:%S};{n};PBS_Server;Svr;{w};{m}", "x_scheduler"),
    "squid_cache": ("{t:%Y/%m/%d %H:%M:%S} kid1| {m}", "x_squid"),
    "haproxy": ("{t:%b} {t.day:>2} {t:%H:%M:%S} lb1 haproxy[{pid}]: {m}", "x_squid"),
    "cassandra": ("{LV2:<5} [{thr}] {t:%Y-%m-%d %H:%M:%S},{ms} {c}.java:{ln} - {m}", "x_javaserver"),
    "elastic": ("[{t:%Y-%m-%dT%H:%M:%S},{ms}][{LV2:<5}][o.e.c.m.{c:<12}] [node-1] {m}", "x_javaserver"),
    "catalina": ("{t:%d-%b-%Y %H:%M:%S}.{ms} {JL} [{thr}] {cls}.{meth} {m}", "x_javaserver"),
    "hbase": ("{t:%Y-%m-%d %H:%M:%S},{ms} {LV2:<5} [{thr}] {w}.{c}: {m}", "x_javaserver"),
    "dmesg": ("[{up}] {m}", "w_boot"),
    "kernsyslog": ("{t:%b} {t.day:>2} {t:%H:%M:%S} gate7 kernel: [{up}] {m}", "w_boot"),
    "ioscrash": ("{t:%b} {t.day:>2} {t:%H:%M:%S} iPhone {prog}({par})[{pid}] <{NL}>: {m}", "w_phoneos"),
    "ios_plain": ("{t:%b} {t.day:>2} {t:%H:%M:%S} iPhone {prog}[{pid}] <{NL}>: {m}", "w_phoneos"),
    "cray": ("{t:%Y-%m-%dT%H:%M:%S}.{us}-00:00 c{one}-0c1s{one}n2 {m}", "w_boot"),
    "cray_tag": ("{t:%Y-%m-%dT%H:%M:%S}.{us}+00:00 c0-0c{one}s3n{one} {prog2}[{pid}]: {m}", "w_syslogfarm"),
    "condor": ("{t:%m/%d/%y %H:%M:%S} (pid:{pid}) {m}", "x_scheduler"),
    "condor2": ("{t:%m/%d/%y %H:%M:%S} ({n}.0) ({pid}): {m}", "x_scheduler"),
    "sge": ("{t:%m/%d/%Y %H:%M:%S}|{w}|node7|{sgel}|{m}", "x_scheduler"),
    "lsf": ("{t:%b} {t.day:>2} {t:%H:%M:%S %Y} {pid} {one} 9.1 {m}", "x_scheduler"),
    "mom": ("{t:%m/%d/%Y %H:%M:%S};0001;   pbs_mom;Svr;pbs_mom;{m}", "x_scheduler"),
    "pbs_job": ("{t:%m/%d/%Y %H:%M:%S};0008;PBS_Server;Job;{n}.head;{m}", "x_scheduler"),
    "bgq": ("{t:%Y-%m-%d-%H.%M.%S}.{us} {rack} RAS {sub} {LV} {m}", "w_bluerack"),
    "logcat_uid": ("{t:%m-%d %H:%M:%S}.{ms}  1000 {pid:>5} {tid:>5} {l1} {c:<8}: {m}", "w_logcat"),
    "logcat_year": ("{t:%Y-%m-%d %H:%M:%S}.{ms} {pid:>5}-{tid:<5} {c:<23} com.orchard.app {l1}  {m}", "w_logcat"),
    "logcat_studio": ("{t:%m-%d %H:%M:%S}.{ms} {pid}-{tid}/com.orchard.app {l1}/{c}: {m}", "w_logcat"),
    "vbox": ("{clock}.{us} main     {m}", "w_laptop"),
    "vmx": ("{t:%Y-%m-%dT%H:%M:%S}.{ms}Z| vmx| I125: {m}", "w_laptop"),
    "vmx7": ("{t:%Y-%m-%dT%H:%M:%S}.{ms}Z In(05) vmx - {m}", "w_laptop"),
    "vmkernel": ("{t:%Y-%m-%dT%H:%M:%S}.{ms}Z cpu{one}:{pid}){m}", "w_boot"),
    "nspr": ("{t:%Y-%m-%d %H:%M:%S}.{us} UTC - [Parent {pid}: Main Thread]: {l1}/nsHttp {m}", "w_laptop"),
    "chromium": ("[{pid}:{tid}:{t:%m%d/%H%M%S}.{us}:{CL}:conn.cc({ln})] {m}", "w_laptop"),
    "netlogon": ("{t:%m/%d %H:%M:%S} [{nl}] [{pid}] ORCHARD: {m}", "w_login"),
    "cups": ("{cl} [{t:%d/%b/%Y:%H:%M:%S} +0000] {m}", "w_syslogfarm"),
    "wpa": ("{ep}.{us}: wlan0: {m}", "t_desktop"),
    "xorg": ("[{up2}] ({xl}) {m}", "w_boot"),
    "pacman": ("[{t:%Y-%m-%dT%H:%M:%S}+0000] [{pm}] {m}", "wincomponents"),
    "fail2ban": ("{t:%Y-%m-%d %H:%M:%S},{ms} {f2:<24}[{pid}]: {LV2:<7} {m}", "w_login"),
    "mosquitto": ("{ep}: {m}", "lattice"),
    "hass": ("{t:%Y-%m-%d %H:%M:%S}.{ms} {LV2} (MainThread) [{ha}] {m}", "stepcount"),
    "openhab": ("{t:%Y-%m-%d %H:%M:%S}.{ms} [{LV2:<5}] [{oh:<36}] - {m}", "stepcount"),
    "plex": ("{t:%b %d, %Y %H:%M:%S}.{ms} [0x7f{hx}/{hx}] {LV2} - {m}", "stepcount"),
    "dmesgT": ("[{t:%a %b} {t.day:>2} {t:%H:%M:%S %Y}] {m}", "w_boot"),
    "journal_iso": ("{t:%Y-%m-%dT%H:%M:%S}+0000 gate7 {aprog2}[{pid}]: {m}", "w_login"),
    "journal_mono": ("[{up}] gate7 {aprog2}[{pid}]: {m}", "w_login"),
    "cisco_ios": ("{t:%b} {t.day:>2} {t:%H:%M:%S}.{ms}: %LINK-3-UPDOWN: {m}", "router"),
    "junos": ("{t:%b} {t.day:>2} {t:%H:%M:%S}  edge1 rpd[{pid}]: {m}", "router"),
    "kern_pri": ("<{one}>[{up}] {m}", "w_boot"),
    "steam": ("[{t:%Y-%m-%d %H:%M:%S}] {m}", "game"),
    "nlog": ("{t:%Y-%m-%d %H:%M:%S}.{tms}|{LV2}|{cls}|{m}", "dotnet"),
    "log4net": ("{t:%Y-%m-%d %H:%M:%S},{ms} [{one}] {LV2:<5} {cls} [(null)] - {m}", "dotnet"),
    "wifi_app": ("{t:%m/%d %H:%M:%S}:{ms} {pid} {m}", "t_steps"),
    "health_semi": ("{t:%Y%m%d-%H:%M:%S}:{ms};Step_{c};{pid};{m}", "t_steps"),
    "win_pipe": ("{t:%Y-%m-%d %H:%M:%S} | {L3:<7} | {src} | {m}", "w_component"),
    "panther": ("{t:%Y-%m-%d %H:%M:%S}, {L3:<21} [0x0{hx}] {src:<6} {m}", "w_component"),
}
_POOLS: dict[str, tuple[str, ...]] = {
    "c": ("ActivityManager", "PowerManagerService", "LSC", "StandReport", "SPUtils", "ExtSDM", "WindowManager"),
    "exe": ("chrome.exe", "QQ.exe *64", "YodaoDict.exe", "git-remote-https.exe", "Dropbox.exe", "chrome.exe *64", "SogouCloud.exe"),
    "prog": ("kernel", "com.apple.cts", "corecaptured", "QQ", "Safari", "WindowServer", "sharingd", "networkd", "Microsoft_Word", "secd", "symptomsd"),
    "par": ("com.apple.xpc.launchd.domain.user", "CoreFoundation", "CFNetwork", "SpringBoardServices"),
    "opar": ("", "", "", " (com.apple.xpc.launchd.domain.pid.WebContent)", " (CFNetwork)"),
    "node": ("dn5", "dn22", "dn39", "dn56", "dn73", "dn90", "dn107", "dn124", "dn141", "dn158", "dn175", "dn192", "dn209", "dn226", "dn243", "dn260", "dn277", "dn294", "dn311", "dn328", "dn345", "dn362", "dn379", "dn396", "tbird-admin1", "aadmin1", "badmin4", "tbird-sm1"),
    "node2": ("dn228", "tbird-admin1", "dn73", "src@badmin4", "local@tbird-sm1"),
    "comp": ("crond(pam_unix)[2915]", "dhcpd", "kernel", "sshd[4434]", "ntpd[2467]", "postfix/postdrop[10896]", "pbs_mom", "in.tftpd[14620]", "/apps/x86_64/system/ganglia-3.0.1/sbin/gmetad[1682]"),
    "al": ("-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "KERNDTLB", "VAPI", "APPREAD", "ECC"),
    "rack": ("R02-M1-N0-C:J12-U11", "R30-M0-N9-C:J16-U01", "R23-M1-NC-I:J18-U11"),
    "sub": ("KERNEL", "APP", "LINKCARD", "DISCOVERY"),
    "LV": ("INFO", "INFO", "INFO", "INFO", "INFO", "INFO", "INFO", "INFO", "INFO", "INFO", "INFO", "INFO", "FATAL", "FATAL", "FATAL", "FATAL", "ERROR", "WARNING", "SEVERE"),
    "LV2": ("INFO", "INFO", "INFO", "INFO", "INFO", "INFO", "INFO", "INFO", "INFO", "INFO", "INFO", "INFO", "WARN", "WARN", "WARN", "WARN", "ERROR"),
    "node3": ("node-246", "node-D1", "gige7", "Interconnect-0N00", "node-1"),
    "comp2": ("unix.hw", "action", "boot_cmd", "domain", "node", "switch_module"),
    "state": ("state_change.unavailable", "start", "net.niff.up", "error", "new", "temphigh"),
    "one": ("1", "1", "1", "0"),
    "L3": ("Info", "Info", "Info", "Info", "Info", "Info", "Info", "Info", "Info", "Info", "Info", "Info", "Info", "Info", "Warning", "Error"),
    "src": ("CBS", "CBS", "CSI"),
    "aprog": ("sshd(pam_unix)[1993]", "su(pam_unix)[21416]", "ftpd[29504]", "logrotate", "kernel", "cups", "syslogd 1.4.1"),
    "mod": ("nova.osapi_compute.wsgi.server", "nova.compute.manager", "nova.virt.libvirt.imagecache", "neutron.agent.dhcp.agent"),
    "zthr": ("QuorumPeer[myid=1]/0:0:0:0:0:0:0:0:2181", "NIOServerCxn.Factory:0.0.0.0/0.0.0.0:2181", "main", "SyncThread:3", "ProcessThread(sid:2 cport:-1)"),
    "thr": ("main", "Thread-3", "IPC Server handler 2 on 62270", "AsyncDispatcher event handler", "RMCommunicator Allocator", "MemtableFlushWriter:12", "http-nio-8080-exec-2"),
    "cls": ("org.apache.hadoop.mapreduce.v2.app.MRAppMaster", "org.apache.hadoop.ipc.Server", "org.apache.catalina.core.StandardService"),
    "scls": ("executor.Executor", "storage.BlockManager", "python.PythonRunner", "storage.MemoryStore"),
    "lv": ("notice", "notice", "notice", "notice", "notice", "notice", "error", "warn"),
    "l1": ("D", "D", "D", "D", "D", "D", "I", "V", "W", "E"),
    "w": ("amber", "cobalt", "harbor", "opal"),
    "ag": ("AU", "Agent", "DnldMgr", "PT", "Misc", "Handler"),
    "kcls": ("kafka.log.Log", "kafka.coordinator.group.GroupCoordinator", "org.apache.zookeeper.ClientCnxn", "kafka.server.ReplicaManager"),
    "JL": ("INFO", "INFO", "INFO", "INFO", "INFO", "INFO", "INFO", "INFO", "WARNING", "SEVERE"),
    "meth": ("start", "deployDirectory", "doRun"),
    "NL": ("Notice", "Notice", "Notice", "Notice", "Notice", "Notice", "Warning", "Error", "Info"),
    "mh": ("calvisitor-10-105-160-95", "calvisitor-10-105-160-95", "calvisitor-10-105-160-95", "calvisitor-10-105-160-95", "calvisitor-10-105-160-95", "calvisitor-10-105-160-95", "authorMacBook-Pro", "authorMacBook-Pro", "authorMacBook-Pro", "authorMacBook-Pro", "authorMacBook-Pro", "airbears2-10-142-110-255"),
    "prog2": ("HWERR", "lustre", "kernel", "apsched"),
    "sgel": ("I", "I", "I", "I", "I", "I", "W", "E"),
    "CL": ("INFO", "INFO", "INFO", "INFO", "INFO", "WARNING", "ERROR"),
    "nl": ("LOGON", "MAILSLOT", "SITE", "CRITICAL"),
    "cl": ("I", "I", "I", "I", "I", "W", "E", "D"),
    "xl": ("II", "II", "WW", "EE", "--", "**"),
    "pm": ("ALPM", "PACMAN", "ALPM-SCRIPTLET"),
    "f2": ("fail2ban.filter", "fail2ban.actions", "fail2ban.jail"),
    "ha": ("homeassistant.core", "homeassistant.components.mqtt", "custom.hacs"),
    "oh": ("org.openhab.core.Main", "openhab.event.ItemStateEvent", "b.zwave.handler.ZWaveThing"),
    "zl": ("info", "info", "info", "info", "info", "warn", "error", "debug"),
    "aprog2": ("sshd", "systemd", "sudo", "CRON", "gdm-password"),
}


def values(rng: random.Random, at: datetime, message: str) -> dict[str, object]:
    """What the layouts may name, for one line."""
    drawn: dict[str, object] = {name: rng.choice(pool) for name, pool in _POOLS.items()}
    second, micros = int(at.timestamp()), at.microsecond
    return drawn | {
        "t": at, "h": at.hour, "ms": f"{micros // 1000:03}", "us": f"{micros:06}", "tms": f"{micros // 100:04}", "ep": second,
        "clock": f"{at:%H:%M:%S}", "up": f"{second % 90000 + micros / 1e6:12.6f}", "up2": f"{second % 90000:10.3f}",
        "pid": rng.randrange(1, 30000), "tid": rng.randrange(1000, 30000), "pid4": rng.randrange(700, 9000), "hx": f"{rng.getrandbits(16):x}",
        "n": rng.randrange(10, 460000), "ln": rng.randrange(10, 900), "uuid": VALUES["uuid"](rng), "hex": VALUES["hex32"](rng),
        "hex2": VALUES["hex32"](rng), "oreq": rng.choice(["[-] ", f"[req-{VALUES['uuid'](rng)} - - - - -] ", ""]), "m": message,
    }  # fmt: skip


def lines_of(name: str, count: int) -> tuple[list[str], list[str], list[object], list[datetime] | None]:
    """Lines in a layout; of each the message, the level as written (None: none) and the time (None where the layout has none)."""
    layout, family = LAYOUTS[name]
    rng = random.Random(name)
    at = datetime(2025, 9, 28, 4, 30, 30, tzinfo=UTC)
    level = next((key for key in LEVELS if "{" + key in layout), None)
    lines, levels, times = [], [], []
    messages = [text for message in generate(family, count)[0] if (text := message.strip())]
    for message in messages:
        at += timedelta(seconds=rng.randrange(1800), milliseconds=rng.randrange(1000))
        drawn: Mapping[str, object] = values(rng, at, message)
        lines.append(layout.format(**drawn).rstrip())
        levels.append(drawn[level] if level else None)
        times.append(at)
    timed = any(sign in layout for sign in ("{t:", "{ep}"))
    return lines, messages, levels, times if timed and "{clock}" not in layout else None
