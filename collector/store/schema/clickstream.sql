-- The table that Tributary makes for the schema clickstream, when there is none. To make it yourself:
--     psql postgresql://user@host:5432/database --file collector/store/schema/clickstream.sql
-- What the columns hold is in collector/store/postgresql_layout.h.
CREATE TABLE IF NOT EXISTS "events" (
  "event_id" uuid NOT NULL,
  "event_time" timestamptz NOT NULL,
  "event_time_ns" integer NOT NULL DEFAULT 0,
  "event_type" text COLLATE "C",
  "page" text COLLATE "C",
  "user_id" bigint NOT NULL,
  "_tributary_extra" jsonb,
  "_tributary_hash" bytea,
  "_tributary" jsonb
);
CREATE UNIQUE INDEX IF NOT EXISTS "events_tributary_key"
  ON "events" ("event_id");
CREATE INDEX IF NOT EXISTS "events_tributary_time"
  ON "events" ("event_time", "event_time_ns", "event_id");
CREATE INDEX IF NOT EXISTS "events_tributary_series"
  ON "events" ("user_id", "event_time", "event_time_ns", "event_id");
