-- AlterTable
ALTER TABLE "CalendarEventTombstone" ADD COLUMN     "facts" JSONB;

-- AlterTable
ALTER TABLE "EventBase" ADD COLUMN     "unsettled" JSONB;

-- What Graph told of a deleted event is still needed: whose meeting it was decides whether deleting it mails anybody.
-- The facts are copied as they stand, encrypted.
CREATE OR REPLACE FUNCTION "calendar_event_bury"() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  INSERT INTO "CalendarEventTombstone" ("eventId", "userId", "calendarId", "graphEventId", "facts", "revision", "revisionXid", "deletedAt")
  VALUES (OLD."id", OLD."userId", OLD."calendarId", OLD."graphEventId", OLD."facts", nextval('"calendar_event_revision"'),
          pg_current_xact_id()::text::bigint,
          COALESCE(NULLIF(current_setting('gcs.now', true), '')::timestamptz, clock_timestamp()))
  ON CONFLICT ("userId", "eventId") DO UPDATE SET
    "calendarId" = EXCLUDED."calendarId", "graphEventId" = EXCLUDED."graphEventId", "facts" = EXCLUDED."facts",
    "revision" = EXCLUDED."revision", "revisionXid" = EXCLUDED."revisionXid", "deletedAt" = EXCLUDED."deletedAt";
  RETURN OLD;
END
$$;
