"""Holds an archive against its own manifest: sizes, CRCs and SHA-256 of all entries, nothing missing and nothing more."""

import hashlib
import json
import sys
import zipfile
import zlib

archive = zipfile.ZipFile(sys.argv[1])
*infos, last = archive.infolist()
listed = json.loads(archive.read(last))["entries"]
stored = [entry for entry in listed if entry["status"] == "stored"]
assert [entry["zipPath"] for entry in stored] == [info.filename for info in infos], listed
for entry, info in zip(stored, infos):
    data = archive.read(info)
    assert entry["size"] == len(data) == info.file_size, entry
    assert entry["crc32"] == f"{zlib.crc32(data):08x}" == f"{info.CRC:08x}", entry
    assert entry["sha256"] == hashlib.sha256(data).hexdigest(), entry
