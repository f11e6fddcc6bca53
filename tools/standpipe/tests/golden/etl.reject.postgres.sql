CREATE TABLE IF NOT EXISTS "etl_reject" (
    "line" bigint NOT NULL,
    "field" text,
    "reason" text NOT NULL,
    "original" text NOT NULL,
    "values" text,
    "constraint" text,
    "sqlstate" text,
    "detail" text
);
COMMENT ON TABLE "etl_reject" IS 'A record that a loader set aside because it failed a check, or because the database refused it.';
COMMENT ON COLUMN "etl_reject"."line" IS 'The line of the input, counted from 1 with control and blank lines.';
COMMENT ON COLUMN "etl_reject"."field" IS 'The field that failed; null if the whole line did.';
COMMENT ON COLUMN "etl_reject"."reason" IS 'What is wrong, in words.';
COMMENT ON COLUMN "etl_reject"."original" IS 'The text of the line, without its newline.';
COMMENT ON COLUMN "etl_reject"."values" IS 'text if every value of the record is one, as the begin of its segment says.';
COMMENT ON COLUMN "etl_reject"."constraint" IS 'The constraint of the database that the record violates.';
COMMENT ON COLUMN "etl_reject"."sqlstate" IS 'The code of SQL of the database''s error (PostgreSQL, appendix A).';
COMMENT ON COLUMN "etl_reject"."detail" IS 'What else the database says, such as the key that exists already.';
