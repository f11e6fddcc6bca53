"""Appends the records of a file of JSON lines with dlt: FILE URL DATASET FOLDER"""

import json
import sys

import dlt

file, url, dataset, folder = sys.argv[1:]


@dlt.resource(name="records", write_disposition="append")
def records():
    with open(file, encoding="utf-8") as lines:
        rows = []
        for line in lines:
            rows.append(json.loads(line))
            if len(rows) == 10_000:
                yield rows
                rows = []
        yield rows


pipeline = dlt.pipeline(
    "bench", pipelines_dir=folder, destination=dlt.destinations.postgres(url), dataset_name=dataset
)
pipeline.run(records())
