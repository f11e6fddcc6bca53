"""Appends the rows of a CSV file with pandas, by INSERT or by COPY: FILE URL insert|copy"""

import io
import sys

import pandas
import sqlalchemy

file, url, how = sys.argv[1:]
frame = pandas.read_csv(file)
engine = sqlalchemy.create_engine(url)


def copy(table, connection, keys, rows):
    text = io.StringIO()
    pandas.DataFrame(rows).to_csv(text, header=False, index=False)
    text.seek(0)
    with connection.connection.cursor() as cursor:
        cursor.copy_expert(f"COPY {table.name} ({', '.join(keys)}) FROM STDIN (FORMAT csv)", text)


method = {"insert": None, "copy": copy}[how]
frame.to_sql("records", engine, if_exists="append", index=False, method=method)
