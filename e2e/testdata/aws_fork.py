"""The aws CLI (version 1), with its start-up paid once.

As `aws_fork.py serve DIRECTORY/SOCKET` it imports awscli, loads what every command
loads (the descriptions of services, which are the CLI's own files), and then runs each command in a child of its own: awscli's main with the
caller's arguments, environment, directory and standard files; it ends, and takes
the directory with it, when its standard input does. Otherwise it is the `aws`
that hands its own over, and ends as that child ends. AWS_FORK_SOCKET says where.
"""

import os
import select
import shutil
import socket
import sys
import traceback

# A command of each service, to load what all of them need.
SERVICES = {
    "secretsmanager": "describe-secret", "cloudwatch": "describe-alarms", "sts": "get-caller-identity",
    "lambda": "get-policy", "kms": "describe-key", "logs": "describe-metric-filters",
}

def serve(path):
    import awscli.clidriver
    import botocore.session
    import contextlib
    import gc
    import io
    import json

    os.environ.setdefault("AWS_ACCESS_KEY_ID", "warm")
    os.environ.setdefault("AWS_SECRET_ACCESS_KEY", "warm")
    warm = awscli.clidriver.create_clidriver()
    loader = warm.session.get_component("data_loader")
    botocore.session.create_loader = lambda *_: loader  # keeps what it read of the CLI's own data
    for service, command in SERVICES.items():
        warm.session.create_client(service, region_name="us-east-1")
        with contextlib.redirect_stdout(io.StringIO()):
            awscli.clidriver.create_clidriver().main([service, command, "--generate-cli-skeleton", "input"])
    gc.freeze()  # no child is to copy what all share
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path + ".new")
    listener.listen(64)
    os.rename(path + ".new", path)
    while listener in select.select([listener, sys.stdin], [], [])[0]:
        connection, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            if os.fork():  # the grandchild is nobody's zombie
                os._exit(0)
            run(connection, awscli.clidriver, json)
        connection.close()
        os.wait()
    shutil.rmtree(os.path.dirname(path))  # whoever started it is gone


def run(connection, clidriver, json):
    code = 255
    try:
        data, files, _, _ = socket.recv_fds(connection, 1 << 20, 3)
        asked = json.loads(data)
        for there, here in enumerate(files):
            os.dup2(here, there)
        models = os.environ["AWS_DATA_PATH"]  # awscli puts its own there on import
        os.environ.clear()
        os.environ.update(asked["environment"], AWS_DATA_PATH=models)
        os.chdir(asked["directory"])
        sys.argv = ["aws"] + asked["arguments"]
        code = clidriver.main()
    except SystemExit as end:
        code = end.code
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except OSError:
                code = code or 255
        connection.sendall(bytes([(code or 0) & 255]))
        os._exit(0)


def main():
    import json

    connection = socket.socket(socket.AF_UNIX)
    connection.connect(os.environ["AWS_FORK_SOCKET"])
    asked = {"arguments": sys.argv[1:], "environment": dict(os.environ), "directory": os.getcwd()}
    socket.send_fds(connection, [json.dumps(asked).encode()], [0, 1, 2])
    code = connection.recv(1)
    os._exit(code[0] if code else 255)


if __name__ == "__main__":
    serve(sys.argv[2]) if sys.argv[1:2] == ["serve"] else main()
