-- The table that Tributary makes for the schema measurement, when there is none. To make it yourself:
--     psql postgresql://user@host:5432/database --file collector/store/schema/measurement.sql
-- What the columns hold is in collector/store/postgresql_layout.h.
CREATE TABLE IF NOT EXISTS "measurement" (
  "sensor_id" text COLLATE "C" NOT NULL,
  "timestamp" timestamptz NOT NULL,
  "timestamp_ns" integer NOT NULL DEFAULT 0,
  "tags" jsonb,
  "values" jsonb,
  "_tributary_extra" jsonb,
  "_tributary_hash" bytea,
  "_tributary" jsonb
);
CREATE UNIQUE INDEX IF NOT EXISTS "measurement_tributary_key"
  ON "measurement" ("sensor_id" COLLATE "C", "timestamp", "timestamp_ns");
CREATE INDEX IF NOT EXISTS "measurement_tributary_time"
  ON "measurement" ("timestamp", "timestamp_ns", "sensor_id" COLLATE "C");
