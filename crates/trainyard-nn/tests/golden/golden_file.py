"""The form of the files of golden values: one case a line."""

import json
import pathlib

HERE = pathlib.Path(__file__).parent


def write(name, versions, content):
    """Writes the file `name`. Of `content`, a list of cases has a line for each of them."""
    entries = [f' "versions": {json.dumps(versions)}']
    for key, value in content.items():
        is_cases = isinstance(value, list) and value and isinstance(value[0], (dict, list))
        lines = ",\n".join(f"  {json.dumps(case)}" for case in value) if is_cases else ""
        entries.append(f' "{key}": ' + (f"[\n{lines}\n ]" if is_cases else json.dumps(value)))
    (HERE / name).write_text("{\n" + ",\n".join(entries) + "\n}\n")
