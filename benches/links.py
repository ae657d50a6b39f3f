#!/usr/bin/env python3
"""Downloads one link's archive many times at once and compares every byte. Standard library, Linux, loopback only.

    benches/links.py [--service target/release/zipstream] [--clients 1000] [--surplus 100] URL ...

Starts the service with limits raised to exactly `clients` archives, mints a link to the sources (of a server that is
already there; several MB in all, or the kernel's buffers hold whole archives), downloads it `clients` times at once,
and asks `surplus` times more while all of them are open: those must be refused at once. Prints one line of figures.
"""
import argparse, http.client, json, os, re, resource, selectors, socket, subprocess, sys, time

HZ = os.sysconf("SC_CLK_TCK")


def cpu(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / HZ


def memory(pid, key):
    return int(re.search(rf"^{key}:\s+(\d+)", open(f"/proc/{pid}/status").read(), re.M)[1]) / 1024


def start(options):
    environment = {
        "ZIPSTREAM__EGRESS__ALLOW": "127.0.0.0/8",
        "ZIPSTREAM__LOG__LEVEL": "error",
        "ZIPSTREAM__SERVER__MAX_ARCHIVES": str(options.clients),
        "ZIPSTREAM__SERVER__FLOOD_RATE": "0",
        "ZIPSTREAM__TIERS__ANONYMOUS__CONCURRENT_ARCHIVES": "1000000",
    }
    command = [options.service, "--listen", "127.0.0.1:0"]
    service = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    return service, int(re.search(r":(\d+)\n", service.stdout.readline())[1])


def mint(port, sources):
    files = [{"url": url, "zipPath": str(n)} for n, url in enumerate(sources)]
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("POST", "/api/download-links", json.dumps({"files": files}))
    return json.load(connection.getresponse())["downloadUrl"]


def fetch(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", path)
    answer = connection.getresponse()
    return answer.status, answer.getheader("retry-after"), answer.read()


def open_all(port, path, clients):
    request = f"GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode()
    sockets = []
    for _ in range(clients):
        one = socket.create_connection(("127.0.0.1", port))
        one.sendall(request)
        sockets.append(one)
    return sockets


def read_all(sockets, archive):
    """Reads every answer to its end; the number of those that are not the archive."""
    selector, buffer, bad = selectors.DefaultSelector(), bytearray(1 << 20), 0
    for one in sockets:
        one.setblocking(False)
        selector.register(one, selectors.EVENT_READ, [b"", -1])
    while selector.get_map():
        for key, _ in selector.select():
            state = key.data
            try:
                size = key.fileobj.recv_into(buffer)
            except BlockingIOError:
                continue
            except ConnectionError:
                size = 0
            chunk = memoryview(buffer)[:size]
            if state[1] < 0 and size:
                state[0] += chunk.tobytes()
                head, found, body = state[0].partition(b"\r\n\r\n")
                if not found:
                    continue
                state[1], chunk = (0, memoryview(body)) if head.startswith(b"HTTP/1.1 200") else (-(1 << 60), chunk)
            if size and state[1] >= 0:
                same = archive[state[1]:state[1] + len(chunk)] == chunk
                state[1] = state[1] + len(chunk) if same else -(1 << 60)
            if not size:
                bad += state[1] != len(archive)
                selector.unregister(key.fileobj)
                key.fileobj.close()
    return bad


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--service", default="target/release/zipstream")
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--surplus", type=int, default=100)
    parser.add_argument("sources", nargs="+")
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    service, port = start(options)
    try:
        path = mint(port, options.sources)
        _, _, archive = fetch(port, path)
        idle, busy = memory(service.pid, "VmRSS"), cpu(service.pid)
        began = time.perf_counter()
        sockets = open_all(port, path, options.clients)
        # Nobody has read yet, so every place is taken.
        time.sleep(1)
        asked, slowest, refused = time.perf_counter(), 0, 0
        for _ in range(options.surplus):
            before = time.perf_counter()
            status, retry_after, _ = fetch(port, path)
            slowest = max(slowest, time.perf_counter() - before)
            refused += status == 503 and retry_after is not None
        waited = time.perf_counter() - asked + 1
        bad = read_all(sockets, memoryview(archive))
        wall = time.perf_counter() - began - waited
        busy = cpu(service.pid) - busy
        peak = memory(service.pid, "VmHWM")
    finally:
        service.kill()
    size = len(archive) * options.clients / 1e9
    print(
        f"{options.clients} downloads of {len(archive)} bytes: {bad} not intact, {refused} of {options.surplus} more refused"
        f" (slowest {slowest * 1000:.0f} ms), {wall:.2f} s, {size / wall:.2f} GB/s, {busy / size:.2f} CPU s/GB,"
        f" RSS {idle:.0f} -> {peak:.0f} MB ({(peak - idle) * 1000 / options.clients:.0f} kB each)"
    )
    sys.exit(bad > 0 or refused < options.surplus)


if __name__ == "__main__":
    main()
