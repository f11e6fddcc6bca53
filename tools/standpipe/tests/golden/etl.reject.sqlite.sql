-- A record that a loader set aside because it failed a check, or because the database refused it.
CREATE TABLE IF NOT EXISTS "etl_reject" (
    "line" INTEGER NOT NULL, -- The line of the input, counted from 1 with control and blank lines.
    "field" TEXT, -- The field that failed; null if the whole line did.
    "reason" TEXT NOT NULL, -- What is wrong, in words.
    "original" TEXT NOT NULL, -- The text of the line, without its newline.
    "values" TEXT, -- text if every value of the record is one, as the begin of its segment says.
    "constraint" TEXT, -- The constraint of the database that the record violates.
    "sqlstate" TEXT, -- The code of SQL of the database's error (PostgreSQL, appendix A).
    "detail" TEXT -- What else the database says, such as the key that exists already.
);
