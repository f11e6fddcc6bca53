CREATE TABLE source (id int PRIMARY KEY);
INSERT INTO source VALUES (1), (2);
CREATE TABLE good (id int, since timestamptz, note text);
CREATE TABLE transient (LIKE good);
CREATE TABLE bad (LIKE good, CHECK (id < 2));
CREATE TABLE later (LIKE good);
CREATE TABLE killed (LIKE good);
-- A sequence counts the tries, which are rolled back.
CREATE SEQUENCE transient_tries;
CREATE SEQUENCE later_tries;
CREATE FUNCTION transient() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF nextval('transient_tries') <= 2 THEN RAISE 'busy' USING ERRCODE = '57014'; END IF;
  RETURN new;
END $$;
CREATE FUNCTION later() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF nextval('later_tries') = 1 THEN
    RAISE 'the quota is spent; retry_at %', to_char(now() AT TIME ZONE 'UTC' + interval '4 s', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
      USING ERRCODE = '57014';
  END IF;
  RETURN new;
END $$;
CREATE TRIGGER tries BEFORE INSERT ON transient FOR EACH STATEMENT EXECUTE FUNCTION transient();
CREATE TRIGGER tries BEFORE INSERT ON later FOR EACH STATEMENT EXECUTE FUNCTION later();
