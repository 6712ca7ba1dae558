-- CreateTable
CREATE TABLE "EventResponse" (
    "userId" TEXT NOT NULL,
    "eventId" TEXT NOT NULL,
    "originalDate" TEXT NOT NULL DEFAULT '',
    "id" TEXT NOT NULL,
    "calendarId" TEXT NOT NULL,
    "response" TEXT NOT NULL,
    "comment" JSONB,
    "sendResponse" BOOLEAN NOT NULL DEFAULT true,
    "state" TEXT NOT NULL DEFAULT 'pending',
    "requestedAt" TIMESTAMPTZ(3) NOT NULL,
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "errorCode" TEXT,
    "errorMessage" TEXT,

    CONSTRAINT "EventResponse_pkey" PRIMARY KEY ("userId","eventId","originalDate")
);

-- CreateIndex
CREATE INDEX "EventResponse_userId_calendarId_state_idx" ON "EventResponse"("userId", "calendarId", "state");

-- What became of an answer is told with its event; one that is still owed to the organizer outlives it.
CREATE FUNCTION "calendar_event_forget_responses"() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  DELETE FROM "EventResponse"
  WHERE "userId" = OLD."userId" AND "eventId" = OLD."id" AND "state" NOT IN ('pending', 'sending');
  RETURN OLD;
END
$$;

CREATE TRIGGER "calendar_event_forget_responses" AFTER DELETE ON "CalendarEvent"
  FOR EACH ROW EXECUTE FUNCTION "calendar_event_forget_responses"();

ALTER TABLE "EventResponse" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "EventResponse" FORCE ROW LEVEL SECURITY;
CREATE POLICY "one user at a time" ON "EventResponse" USING (
  (SELECT coalesce(current_setting('graph_calendar_sync.scope', true), '')) IN ('', 'user:' || "userId")
);
DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'graph_calendar_sync_scoped')
    AND (SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user) THEN
    GRANT SELECT, INSERT, UPDATE, DELETE ON "EventResponse" TO graph_calendar_sync_scoped;
  END IF;
END $$;
