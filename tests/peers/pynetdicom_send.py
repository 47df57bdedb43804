"""Stores files with pynetdicom: HOST PORT CALLED_AE FILE... One line of JSON: the status of each file, by name."""

import json
import os
import sys

from pydicom import dcmread
from pynetdicom import AE

host, port, called, *files = sys.argv[1:]
data_sets = [(path, dcmread(path)) for path in files]
ae = AE(ae_title="PYNETDICOM")
wanted = {}
for _, data_set in data_sets:
    syntaxes = wanted.setdefault(data_set.SOPClassUID, set())
    syntaxes.add(data_set.file_meta.TransferSyntaxUID)
for sop_class, syntaxes in wanted.items():
    # One context for each syntax: a node chooses one of those that a context offers.
    for syntax in sorted(syntaxes):
        ae.add_requested_context(sop_class, syntax)
association = ae.associate(host, int(port), ae_title=called)
if not association.is_established:
    sys.exit("no association")
statuses = {}
for path, data_set in data_sets:
    status = association.send_c_store(data_set)
    statuses[os.path.basename(path)] = status.Status if "Status" in status else None
association.release()
print(json.dumps(statuses))
