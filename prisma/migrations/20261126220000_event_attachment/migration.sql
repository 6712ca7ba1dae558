-- AlterTable
ALTER TABLE "CalendarEvent" ADD COLUMN     "hasAttachments" BOOLEAN NOT NULL DEFAULT false;

-- CreateTable
CREATE TABLE "EventAttachment" (
    "id" TEXT NOT NULL,
    "userId" TEXT NOT NULL,
    "eventId" TEXT NOT NULL,
    "originalDate" TEXT,
    "graphEventId" TEXT,
    "graphAttachmentId" TEXT,
    "kind" TEXT NOT NULL,
    "details" JSONB NOT NULL,
    "size" INTEGER NOT NULL,
    "isInline" BOOLEAN NOT NULL DEFAULT false,
    "content" BYTEA,
    "notCarried" TEXT,
    "state" TEXT NOT NULL,
    "isAnnounced" BOOLEAN NOT NULL DEFAULT false,
    "isHeld" BOOLEAN NOT NULL DEFAULT false,
    "errorCode" TEXT,
    "errorMessage" TEXT,
    "createdAt" TIMESTAMPTZ(3) NOT NULL,
    "lastModifiedAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "EventAttachment_pkey" PRIMARY KEY ("userId","id")
);

-- CreateTable
CREATE TABLE "AttachmentMark" (
    "userId" TEXT NOT NULL,
    "graphEventId" TEXT NOT NULL,
    "eventId" TEXT NOT NULL,
    "originalDate" TEXT,
    "etag" TEXT NOT NULL,
    "seenEtag" TEXT,

    CONSTRAINT "AttachmentMark_pkey" PRIMARY KEY ("userId","graphEventId")
);

-- CreateIndex
CREATE INDEX "EventAttachment_eventId_idx" ON "EventAttachment"("eventId");

-- CreateIndex
CREATE INDEX "AttachmentMark_eventId_idx" ON "AttachmentMark"("eventId");

-- AddForeignKey
ALTER TABLE "EventAttachment" ADD CONSTRAINT "EventAttachment_eventId_fkey" FOREIGN KEY ("eventId") REFERENCES "CalendarEvent"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "AttachmentMark" ADD CONSTRAINT "AttachmentMark_eventId_fkey" FOREIGN KEY ("eventId") REFERENCES "CalendarEvent"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- A run without changes asks whether there is anything to do, and reads these few rows.
CREATE INDEX "AttachmentMark_due" ON "AttachmentMark"("userId") WHERE "seenEtag" IS DISTINCT FROM "etag";
CREATE INDEX "EventAttachment_open" ON "EventAttachment"("userId") WHERE "state" <> 'synced' OR ("content" IS NULL AND "notCarried" IS NULL);

-- Whether an event has attachments is asked with every event; which ones, seldom.
CREATE FUNCTION "event_attachment_count"() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
  event CONSTANT text := CASE WHEN TG_OP = 'DELETE' THEN OLD."eventId" ELSE NEW."eventId" END;
  has_any boolean;
BEGIN
  SELECT EXISTS (SELECT FROM "EventAttachment" a WHERE a."eventId" = event AND a."state" <> 'deleting') INTO has_any;
  UPDATE "CalendarEvent" e SET "hasAttachments" = has_any WHERE e."id" = event AND e."hasAttachments" <> has_any;
  RETURN NULL;
END
$$;

CREATE TRIGGER "event_attachment_count" AFTER INSERT OR DELETE OR UPDATE OF "state" ON "EventAttachment"
  FOR EACH ROW EXECUTE FUNCTION "event_attachment_count"();

ALTER TABLE "EventAttachment" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "EventAttachment" FORCE ROW LEVEL SECURITY;
CREATE POLICY "one user at a time" ON "EventAttachment" USING (
  (SELECT coalesce(current_setting('graph_calendar_sync.scope', true), '')) IN ('', 'user:' || "userId")
);
ALTER TABLE "AttachmentMark" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "AttachmentMark" FORCE ROW LEVEL SECURITY;
CREATE POLICY "one user at a time" ON "AttachmentMark" USING (
  (SELECT coalesce(current_setting('graph_calendar_sync.scope', true), '')) IN ('', 'user:' || "userId")
);
DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'graph_calendar_sync_scoped')
    AND (SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user) THEN
    GRANT SELECT, INSERT, UPDATE, DELETE ON "EventAttachment", "AttachmentMark" TO graph_calendar_sync_scoped;
  END IF;
END $$;
