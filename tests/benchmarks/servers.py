"""Starts and stops what is measured: storescp, Orthanc, pynetdicom and Sealgate, each with an empty store of its own.

A recipe is a function of (port, folder, tls) that writes what the server needs into the folder and returns its command
and what it needs in its environment; tls is None or (key, certificate, CA certificate).
"""
import contextlib, json, os, shutil, signal, socket, subprocess, sys, time
import load

HERE = os.path.dirname(os.path.abspath(__file__))
OWN = os.path.dirname(sys.executable)
SEALGATE = os.path.join(OWN, "sealgate")
NODELAY = {"TCP_NODELAY": "1"}      # DCMTK reads it; without it Nagle and delayed ACK cost 40 ms an instance
SETTLE_SECONDS = 3
"""Between preparation and start: a virtual machine may give free memory back to its host within two seconds, so what
follows closely on something else would find memory that costs it a third of what others pay."""
TUNED = ["+B", "-pdu", "131072"]
TUNED_ORTHANC = {"MaximumPduLength": 131072, "OverwriteInstances": True, "SaveJobs": False}
# pynetdicom puts programs named storescp and storescu beside our Python; Debian puts Orthanc into /usr/sbin.
os.environ["PATH"] = os.pathsep.join([p for p in os.get_exec_path() if p != OWN] + ["/usr/sbin"])


def storescp(*opts, env={}):
    def start(port, out, tls):
        t = ["+tls", tls[0], tls[1], "+cf", tls[2], "-rc"] if tls else []
        return ["storescp", *opts, *t, "-od", out, str(port)], env
    return start


def orthanc(env={}, **conf):
    def start(port, out, tls):
        c = {"Name": "bench", "StorageDirectory": out, "IndexDirectory": out, "HttpServerEnabled": False,
             "DicomPort": port, "DicomCheckCalledAet": False, **conf}
        if tls:
            c.update(DicomTlsEnabled=True, DicomTlsPrivateKey=tls[0], DicomTlsCertificate=tls[1],
                     DicomTlsTrustedCertificates=tls[2], DicomTlsRemoteCertificateRequired=True)
        with open(out + ".json", "w") as f:
            json.dump(c, f)
        return ["Orthanc", out + ".json"], env
    return start


def pynetdicom(mode, pdu):
    def start(port, out, tls):
        script = os.path.join(HERE, "peer_pynetdicom.py")
        return [sys.executable, script, mode, str(pdu), str(port), out, *(tls or [])], {}
    return start


def sealgate(action, credentials, destination):
    """The product with one source that does `action`; credentials: (key, certificate, CA certificate).

    destination: "folder" (OUT/received), "away" (a node that is not there, so that only reception is measured), or
    (port, associations) of a node on this machine.
    """
    def start(port, out, tls):
        key, certificate, ca = credentials
        if destination == "folder":
            target = 'directory = "received"'
        else:
            target = node(away_port(), 1) if destination == "away" else node(*destination)
        listener = f'tls = {{ key = "{tls[0]}", certificate = "{tls[1]}", client_ca = "{tls[2]}" }}' if tls else ""
        with open(out + "/gateway.toml", "w") as f:
            f.write(f"""[node]
data_dir = "data"
any_called_ae_title = true
[log]
level = "warning"
[[listener]]
name = "in"
port = {port}
{listener}
[[identity]]
name = "signer"
key = "{key}"
certificate = "{certificate}"
[trust]
anchors = ["{ca}"]
[[source]]
name = "all"
action = "{action}"
{'identity = "signer"' if "sign" in action else ""}
[[destination]]
name = "next"
{target}
""")
        return [SEALGATE, "serve", "--config", out + "/gateway.toml"], {}
    return start


def node(port, associations):
    return f'ae_title = "DOWN"\nhost = "127.0.0.1"\nport = {port}\nassociations = {associations}'


def away_port():
    """A port below those that the kernel hands out, on which nobody listens."""
    for port in range(11900, 12000):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise SystemExit("no port is free")


def waiting(out):
    """Jobs that wait for the destination of a running `sealgate`."""
    done = subprocess.run([SEALGATE, "queue", "summary", "--json", "--config", out + "/gateway.toml"],
                          capture_output=True, check=True)
    return sum(row["count"] for row in json.loads(done.stdout)["rows"] if row["destination"])


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


def spawn(argv, env, log):
    return subprocess.Popen(argv, env={**os.environ, **env}, start_new_session=True,
                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def wait_port(port, proc, seconds=20):
    end = time.time() + seconds
    while time.time() < end and proc.poll() is None:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
    raise SystemExit(f"server did not start: {proc.args}")


def stop(proc):
    """End a server and what it forked (it leads its own process group)."""
    try:
        os.killpg(proc.pid, signal.SIGTERM)
        proc.wait(5)
    except subprocess.TimeoutExpired:
        os.killpg(proc.pid, signal.SIGKILL)
        proc.wait()
    except ProcessLookupError:
        proc.wait()


@contextlib.contextmanager
def running(recipe, scratch, tls=None):
    """A server with an empty store; yields (process, port, folder), and all of it is gone afterwards."""
    port, out = free_port(), os.path.join(scratch, "store")
    shutil.rmtree(out, ignore_errors=True)
    os.makedirs(out)
    argv, env = recipe(port, out, tls)
    with open(os.path.join(scratch, "server.log"), "w+") as log:
        proc = spawn(argv, {"TMPDIR": scratch, **env}, log)
        try:
            try:
                wait_port(port, proc)
            except SystemExit as error:
                log.seek(0)
                raise SystemExit(f"{error}\n{log.read()[-500:]}") from None
            yield proc, port, out
        finally:
            stop(proc)
            shutil.rmtree(out, ignore_errors=True)


def load_args(host, port, data, n, tls, pid, limit, fresh=True, settle=0):
    argv = [host, str(port), data, "-a", str(n), "--settle", str(settle)]
    argv += ["--fresh-uids"] if fresh else []
    argv += ["--tls", *tls] if tls else []
    argv += ["--pid", str(pid)] if pid else []
    argv += ["--limit", str(limit)] if limit else []
    return load.parser().parse_args(argv)
