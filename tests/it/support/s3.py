"""An S3 server (moto) with two source buckets and an empty destination; serves until its standard input ends.

Reads one line of JSON: {"destination": name, "objects": [{"bucket", "key", "file"}]}. Writes one:
{"endpoint": url, "urls": [a presigned GET URL of each object, in order]}.
"""
import json
import logging
import sys

import boto3
from botocore.config import Config
from moto.server import ThreadedMotoServer

logging.getLogger("werkzeug").setLevel(logging.ERROR)
asked = json.loads(sys.stdin.readline())
# Port 0: the system chooses, so that suites can run beside one another.
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
host, port = server.get_host_and_port()
endpoint = f"http://{host}:{port}"
s3 = boto3.client(
    "s3",
    endpoint_url=endpoint,
    region_name="us-east-1",
    aws_access_key_id="test",
    aws_secret_access_key="test",
    config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
)
for bucket in {asked["destination"], *(each["bucket"] for each in asked["objects"])}:
    s3.create_bucket(Bucket=bucket)
urls = []
for each in asked["objects"]:
    s3.upload_file(each["file"], each["bucket"], each["key"])
    parameters = {"Bucket": each["bucket"], "Key": each["key"]}
    urls.append(s3.generate_presigned_url("get_object", Params=parameters, ExpiresIn=3600))
print(json.dumps({"endpoint": endpoint, "urls": urls}), flush=True)
sys.stdin.read()
server.stop()
