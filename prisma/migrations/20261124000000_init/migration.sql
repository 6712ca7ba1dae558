-- CreateSchema
CREATE SCHEMA IF NOT EXISTS "public";

-- CreateEnum
CREATE TYPE "CalendarSyncStatus" AS ENUM ('PENDING', 'IN_PROGRESS', 'COMPLETED', 'FAILED', 'CANCELLED');

-- CreateEnum
CREATE TYPE "CalendarConflictType" AS ENUM ('UPDATE_UPDATE', 'LOCAL_DELETE_REMOTE_UPDATE', 'LOCAL_UPDATE_REMOTE_DELETE', 'DUPLICATE_CREATE');

-- CreateEnum
CREATE TYPE "CalendarConflictResolution" AS ENUM ('PENDING', 'PREFER_LOCAL', 'PREFER_REMOTE', 'PREFER_LATEST', 'MERGE', 'MANUAL');

-- CreateTable
CREATE TABLE "CalendarEvent" (
    "id" TEXT NOT NULL,
    "userId" TEXT NOT NULL,
    "graphEventId" TEXT,
    "calendarId" TEXT NOT NULL DEFAULT 'default',
    "subject" TEXT NOT NULL,
    "body" JSONB,
    "start" JSONB NOT NULL,
    "end" JSONB NOT NULL,
    "location" JSONB,
    "isAllDay" BOOLEAN NOT NULL DEFAULT false,
    "recurrence" JSONB,
    "lastModifiedDateTime" TEXT NOT NULL,
    "createdDateTime" TEXT NOT NULL,
    "syncedAt" TIMESTAMPTZ(3),
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "iCalUId" TEXT,
    "details" JSONB,
    "facts" JSONB,
    "occurrences" JSONB,
    "startAt" TIMESTAMPTZ(3),
    "endAt" TIMESTAMPTZ(3),
    "isEndless" BOOLEAN NOT NULL DEFAULT false,
    "revision" BIGINT NOT NULL DEFAULT 0,
    "revisionXid" BIGINT NOT NULL DEFAULT 0,
    "createdRevision" BIGINT NOT NULL DEFAULT 0,
    "createdXid" BIGINT NOT NULL DEFAULT 0,

    CONSTRAINT "CalendarEvent_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "CalendarEventTombstone" (
    "eventId" TEXT NOT NULL,
    "userId" TEXT NOT NULL,
    "calendarId" TEXT NOT NULL,
    "graphEventId" TEXT,
    "revision" BIGINT NOT NULL,
    "revisionXid" BIGINT NOT NULL,
    "deletedAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "CalendarEventTombstone_pkey" PRIMARY KEY ("userId","eventId")
);

-- CreateTable
CREATE TABLE "EventBase" (
    "eventId" TEXT NOT NULL,
    "userId" TEXT NOT NULL,
    "calendarId" TEXT NOT NULL,
    "graphEventId" TEXT,
    "iCalUId" TEXT,
    "etag" TEXT,
    "agreedRevision" BIGINT NOT NULL DEFAULT 0,
    "local" JSONB,
    "remote" JSONB,
    "seriesEtags" JSONB,
    "generation" INTEGER NOT NULL DEFAULT 0,
    "remoteModifiedAt" TIMESTAMPTZ(3),
    "remoteGoneAt" TIMESTAMPTZ(3),
    "conflictUnits" TEXT[],
    "heldUnits" TEXT[],
    "errorCode" TEXT,
    "errorMessage" TEXT,
    "failedRevision" BIGINT,
    "seenRound" TEXT,
    "syncedAt" TIMESTAMPTZ(3),

    CONSTRAINT "EventBase_pkey" PRIMARY KEY ("userId","eventId")
);

-- CreateTable
CREATE TABLE "Calendar" (
    "userId" TEXT NOT NULL,
    "id" TEXT NOT NULL,
    "graphCalendarId" TEXT,
    "name" TEXT NOT NULL,
    "isDefault" BOOLEAN NOT NULL DEFAULT false,
    "canEdit" BOOLEAN NOT NULL DEFAULT true,
    "ownerAddress" TEXT,
    "color" TEXT,
    "settings" JSONB NOT NULL DEFAULT '{}',
    "removedAt" TIMESTAMPTZ(3),
    "lastSyncedAt" TIMESTAMPTZ(3),
    "nextSyncAt" TIMESTAMPTZ(3),
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "Calendar_pkey" PRIMARY KEY ("userId","id")
);

-- CreateTable
CREATE TABLE "CalendarConnection" (
    "userId" TEXT NOT NULL,
    "mailbox" TEXT NOT NULL,
    "mailboxId" TEXT NOT NULL,
    "mode" TEXT NOT NULL,
    "status" TEXT NOT NULL,
    "errorMessage" TEXT,
    "tokenCache" TEXT,
    "timeZone" TEXT,
    "clockOffsetMs" INTEGER NOT NULL DEFAULT 0,
    "pausedUntil" TIMESTAMPTZ(3),
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "CalendarConnection_pkey" PRIMARY KEY ("userId")
);

-- CreateTable
CREATE TABLE "DeltaCursor" (
    "userId" TEXT NOT NULL,
    "calendarId" TEXT NOT NULL,
    "link" TEXT NOT NULL,
    "linkKind" TEXT NOT NULL,
    "windowStart" TIMESTAMPTZ(3) NOT NULL,
    "windowEnd" TIMESTAMPTZ(3) NOT NULL,
    "roundId" TEXT NOT NULL,
    "isFullRound" BOOLEAN NOT NULL,
    "roundStartedAt" TIMESTAMPTZ(3) NOT NULL,
    "completedAt" TIMESTAMPTZ(3),
    "pages" INTEGER NOT NULL DEFAULT 0,

    CONSTRAINT "DeltaCursor_pkey" PRIMARY KEY ("userId","calendarId")
);

-- CreateTable
CREATE TABLE "DirtySeries" (
    "userId" TEXT NOT NULL,
    "calendarId" TEXT NOT NULL,
    "graphEventId" TEXT NOT NULL,
    "roundId" TEXT NOT NULL,
    "masterEtag" TEXT,
    "suspicious" BOOLEAN NOT NULL DEFAULT false,

    CONSTRAINT "DirtySeries_pkey" PRIMARY KEY ("userId","calendarId","graphEventId")
);

-- CreateTable
CREATE TABLE "CalendarSyncState" (
    "id" TEXT NOT NULL,
    "userId" TEXT NOT NULL,
    "calendarId" TEXT NOT NULL DEFAULT 'default',
    "status" "CalendarSyncStatus" NOT NULL,
    "direction" TEXT NOT NULL,
    "deltaToken" TEXT,
    "lastSyncTime" TIMESTAMPTZ(3),
    "totalEvents" INTEGER NOT NULL DEFAULT 0,
    "processedEvents" INTEGER NOT NULL DEFAULT 0,
    "createdEvents" INTEGER NOT NULL DEFAULT 0,
    "updatedEvents" INTEGER NOT NULL DEFAULT 0,
    "deletedEvents" INTEGER NOT NULL DEFAULT 0,
    "conflictsDetected" INTEGER NOT NULL DEFAULT 0,
    "startedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "completedAt" TIMESTAMPTZ(3),
    "error" TEXT,
    "request" JSONB NOT NULL DEFAULT '{}',
    "requestHash" TEXT,
    "trigger" TEXT NOT NULL DEFAULT 'api',
    "queuedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "failedEvents" INTEGER NOT NULL DEFAULT 0,
    "localCreated" INTEGER NOT NULL DEFAULT 0,
    "localUpdated" INTEGER NOT NULL DEFAULT 0,
    "localDeleted" INTEGER NOT NULL DEFAULT 0,
    "remoteCreated" INTEGER NOT NULL DEFAULT 0,
    "remoteUpdated" INTEGER NOT NULL DEFAULT 0,
    "remoteDeleted" INTEGER NOT NULL DEFAULT 0,
    "graphRequests" INTEGER NOT NULL DEFAULT 0,
    "throttled" INTEGER NOT NULL DEFAULT 0,
    "retried" INTEGER NOT NULL DEFAULT 0,
    "failedRequests" INTEGER NOT NULL DEFAULT 0,
    "errorsByCategory" JSONB NOT NULL DEFAULT '{}',
    "durationMs" INTEGER,
    "errorCode" TEXT,
    "errorDetails" JSONB,
    "confirmationToken" TEXT,
    "confirmationIds" JSONB,
    "cancelRequestedAt" TIMESTAMPTZ(3),
    "correlationId" TEXT,
    "parentId" TEXT,

    CONSTRAINT "CalendarSyncState_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "CalendarSyncConflict" (
    "id" TEXT NOT NULL,
    "syncStateId" TEXT NOT NULL,
    "eventId" TEXT NOT NULL,
    "conflictType" "CalendarConflictType" NOT NULL,
    "conflictData" JSONB NOT NULL,
    "resolution" "CalendarConflictResolution" NOT NULL,
    "resolvedAt" TIMESTAMPTZ(3),
    "resolutionData" JSONB,
    "userId" TEXT NOT NULL,
    "calendarId" TEXT NOT NULL DEFAULT 'default',
    "units" TEXT[],
    "detectedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "CalendarSyncConflict_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "SyncOperation" (
    "id" TEXT NOT NULL,
    "runId" TEXT NOT NULL,
    "userId" TEXT NOT NULL,
    "calendarId" TEXT NOT NULL,
    "eventId" TEXT NOT NULL,
    "graphEventId" TEXT,
    "side" TEXT NOT NULL,
    "operation" TEXT NOT NULL,
    "fields" TEXT[],
    "reason" TEXT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "before" JSONB,
    "after" JSONB,
    "graphRequestId" TEXT,
    "errorCode" TEXT,
    "sequence" BIGSERIAL NOT NULL,

    CONSTRAINT "SyncOperation_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "UserSettings" (
    "userId" TEXT NOT NULL,
    "settings" JSONB NOT NULL,
    "updatedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "UserSettings_pkey" PRIMARY KEY ("userId")
);

-- CreateTable
CREATE TABLE "UserKey" (
    "userId" TEXT NOT NULL,
    "keyId" TEXT NOT NULL,
    "wrappedKey" TEXT NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "UserKey_pkey" PRIMARY KEY ("userId")
);

-- CreateTable
CREATE TABLE "MailboxLease" (
    "userId" TEXT NOT NULL,
    "holder" TEXT,
    "fence" BIGINT NOT NULL DEFAULT 0,
    "expiresAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "MailboxLease_pkey" PRIMARY KEY ("userId")
);

-- CreateTable
CREATE TABLE "IdempotencyKey" (
    "userId" TEXT NOT NULL,
    "key" TEXT NOT NULL,
    "requestHash" TEXT NOT NULL,
    "eventId" TEXT NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "IdempotencyKey_pkey" PRIMARY KEY ("userId","key")
);

-- CreateIndex
CREATE INDEX "CalendarEvent_userId_calendarId_revision_idx" ON "CalendarEvent"("userId", "calendarId", "revision");

-- CreateIndex
CREATE INDEX "CalendarEvent_userId_startAt_idx" ON "CalendarEvent"("userId", "startAt");

-- CreateIndex
CREATE INDEX "CalendarEvent_userId_graphEventId_idx" ON "CalendarEvent"("userId", "graphEventId");

-- CreateIndex
CREATE INDEX "CalendarEvent_iCalUId_idx" ON "CalendarEvent" USING HASH ("iCalUId");

-- CreateIndex
CREATE INDEX "CalendarEvent_userId_revisionXid_revision_idx" ON "CalendarEvent"("userId", "revisionXid", "revision");

-- CreateIndex
CREATE INDEX "CalendarEvent_revisionXid_idx" ON "CalendarEvent" USING BRIN ("revisionXid");

-- CreateIndex
CREATE INDEX "CalendarEventTombstone_userId_calendarId_revision_idx" ON "CalendarEventTombstone"("userId", "calendarId", "revision");

-- CreateIndex
CREATE INDEX "CalendarEventTombstone_userId_revisionXid_revision_idx" ON "CalendarEventTombstone"("userId", "revisionXid", "revision");

-- CreateIndex
CREATE INDEX "EventBase_userId_calendarId_seenRound_idx" ON "EventBase"("userId", "calendarId", "seenRound");

-- CreateIndex
CREATE UNIQUE INDEX "EventBase_userId_graphEventId_key" ON "EventBase"("userId", "graphEventId");

-- CreateIndex
CREATE INDEX "Calendar_nextSyncAt_idx" ON "Calendar"("nextSyncAt");

-- CreateIndex
CREATE INDEX "CalendarSyncState_userId_queuedAt_idx" ON "CalendarSyncState"("userId", "queuedAt");

-- CreateIndex
CREATE INDEX "CalendarSyncState_queuedAt_idx" ON "CalendarSyncState"("queuedAt");

-- CreateIndex
CREATE INDEX "CalendarSyncState_userId_calendarId_status_idx" ON "CalendarSyncState"("userId", "calendarId", "status");

-- CreateIndex
CREATE INDEX "CalendarSyncConflict_userId_resolvedAt_detectedAt_idx" ON "CalendarSyncConflict"("userId", "resolvedAt", "detectedAt");

-- CreateIndex
CREATE INDEX "CalendarSyncConflict_eventId_idx" ON "CalendarSyncConflict"("eventId");

-- CreateIndex
CREATE INDEX "SyncOperation_runId_sequence_idx" ON "SyncOperation"("runId", "sequence");

-- CreateIndex
CREATE INDEX "SyncOperation_userId_eventId_idx" ON "SyncOperation"("userId", "eventId");


-- Below: what Prisma's schema language cannot say.

-- One conflict record waits per event; a further change updates it.
CREATE UNIQUE INDEX "CalendarSyncConflict_one_pending" ON "CalendarSyncConflict"("userId", "eventId") WHERE "resolvedAt" IS NULL;

-- Unfinished runs are looked for every few seconds, among all that ever were.
CREATE INDEX "CalendarSyncState_unfinished" ON "CalendarSyncState"("queuedAt") WHERE "status" IN ('PENDING', 'IN_PROGRESS');

-- Local changes are seen by revision, not by clock: every change of an event's content, whoever makes it and with whatever
-- tool, takes the next number. The transaction's id beside it lets readers of the change feed wait for late committers.
CREATE SEQUENCE "calendar_event_revision";

-- The service writes revision -1: it fills the columns that follow from the content itself. For any other writer of new
-- times they are emptied, because stale ones would show the event on days it has left, and the instant of the change is
-- noted, because the latest edit may win.
CREATE FUNCTION "calendar_event_revise"() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
  is_own CONSTANT boolean := NEW."revision" < 0;
  is_moved boolean;
  is_edited boolean;
BEGIN
  IF TG_OP = 'INSERT' THEN
    NEW."revision" := nextval('"calendar_event_revision"');
    NEW."revisionXid" := pg_current_xact_id()::text::bigint;
    NEW."createdRevision" := NEW."revision";
    NEW."createdXid" := NEW."revisionXid";
    DELETE FROM "CalendarEventTombstone" WHERE "userId" = NEW."userId" AND "eventId" = NEW."id";
    RETURN NEW;
  END IF;
  IF NEW."id" <> OLD."id" OR NEW."userId" <> OLD."userId" THEN
    RAISE EXCEPTION 'the id and the user of a "CalendarEvent" cannot be changed'
      USING HINT = 'insert the event for the other user and delete this one', ERRCODE = 'integrity_constraint_violation';
  END IF;
  is_moved := (NEW."start", NEW."end", NEW."recurrence", NEW."occurrences")
    IS DISTINCT FROM (OLD."start", OLD."end", OLD."recurrence", OLD."occurrences");
  is_edited := is_moved OR (NEW."subject", NEW."body", NEW."location", NEW."isAllDay", NEW."details")
    IS DISTINCT FROM (OLD."subject", OLD."body", OLD."location", OLD."isAllDay", OLD."details");
  NEW."createdRevision" := OLD."createdRevision";
  NEW."createdXid" := LEAST(NEW."createdXid", OLD."createdXid");
  IF is_edited OR NEW."calendarId" <> OLD."calendarId" THEN
    NEW."revision" := nextval('"calendar_event_revision"');
    NEW."revisionXid" := pg_current_xact_id()::text::bigint;
  ELSE
    NEW."revision" := OLD."revision";
    NEW."revisionXid" := LEAST(NEW."revisionXid", OLD."revisionXid");
  END IF;
  IF is_edited AND NOT is_own AND NEW."lastModifiedDateTime" = OLD."lastModifiedDateTime" THEN
    NEW."lastModifiedDateTime" := to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');
  END IF;
  IF is_moved AND NOT is_own
    AND (NEW."startAt", NEW."endAt", NEW."isEndless") IS NOT DISTINCT FROM (OLD."startAt", OLD."endAt", OLD."isEndless") THEN
    NEW."startAt" := NULL;
    NEW."endAt" := NULL;
    NEW."isEndless" := false;
  END IF;
  RETURN NEW;
END
$$;

CREATE TRIGGER "calendar_event_revise" BEFORE INSERT OR UPDATE ON "CalendarEvent"
  FOR EACH ROW EXECUTE FUNCTION "calendar_event_revise"();

-- A deletion, whoever makes it, leaves a tombstone: what is to be deleted at Graph, and a line in the change feed.
-- The service tells its own clock's time in gcs.now; plain SQL gets the database's.
CREATE FUNCTION "calendar_event_bury"() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  INSERT INTO "CalendarEventTombstone" ("eventId", "userId", "calendarId", "graphEventId", "revision", "revisionXid", "deletedAt")
  VALUES (OLD."id", OLD."userId", OLD."calendarId", OLD."graphEventId", nextval('"calendar_event_revision"'),
          pg_current_xact_id()::text::bigint,
          COALESCE(NULLIF(current_setting('gcs.now', true), '')::timestamptz, clock_timestamp()))
  ON CONFLICT ("userId", "eventId") DO UPDATE SET
    "calendarId" = EXCLUDED."calendarId", "graphEventId" = EXCLUDED."graphEventId", "revision" = EXCLUDED."revision",
    "revisionXid" = EXCLUDED."revisionXid", "deletedAt" = EXCLUDED."deletedAt";
  RETURN OLD;
END
$$;

CREATE TRIGGER "calendar_event_bury" AFTER DELETE ON "CalendarEvent"
  FOR EACH ROW EXECUTE FUNCTION "calendar_event_bury"();
