-- A calendar's window is read by several delta tokens, one for each slice of it. A token's age counts from when it was issued.
ALTER TABLE "DeltaCursor" ADD COLUMN "rung" INTEGER NOT NULL DEFAULT 0,
  ADD COLUMN "isRolled" BOOLEAN NOT NULL DEFAULT false,
  ADD COLUMN "issuedAt" TIMESTAMPTZ(3);
UPDATE "DeltaCursor" SET "issuedAt" = coalesce("completedAt", "roundStartedAt");
ALTER TABLE "DeltaCursor" ALTER COLUMN "issuedAt" SET NOT NULL;
ALTER TABLE "DeltaCursor" DROP CONSTRAINT "DeltaCursor_pkey",
  ADD CONSTRAINT "DeltaCursor_pkey" PRIMARY KEY ("userId", "calendarId", "rung");

-- An event that comes back to a calendar that is synced is looked for among those that left.
CREATE INDEX "CalendarEventTombstone_userId_graphEventId_idx" ON "CalendarEventTombstone"("userId", "graphEventId");
