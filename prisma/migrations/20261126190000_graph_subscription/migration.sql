-- CreateTable
CREATE TABLE "GraphSubscription" (
    "userId" TEXT NOT NULL,
    "subscriptionId" TEXT,
    "mailboxId" TEXT NOT NULL,
    "clientStateHash" TEXT,
    "expiresAt" TIMESTAMPTZ(3),
    "dueAt" TIMESTAMPTZ(3) NOT NULL,
    "failures" INTEGER NOT NULL DEFAULT 0,
    "lastErrorCode" TEXT,
    "lastNotifiedAt" TIMESTAMPTZ(3),
    "createdAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "GraphSubscription_pkey" PRIMARY KEY ("userId")
);

-- CreateIndex
CREATE UNIQUE INDEX "GraphSubscription_subscriptionId_key" ON "GraphSubscription"("subscriptionId");

-- CreateIndex
CREATE INDEX "GraphSubscription_dueAt_idx" ON "GraphSubscription"("dueAt");

ALTER TABLE "GraphSubscription" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "GraphSubscription" FORCE ROW LEVEL SECURITY;
CREATE POLICY "one user at a time" ON "GraphSubscription" USING (
  (SELECT coalesce(current_setting('graph_calendar_sync.scope', true), '')) IN ('', 'user:' || "userId")
);
DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'graph_calendar_sync_scoped')
    AND (SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user) THEN
    GRANT SELECT, INSERT, UPDATE, DELETE ON "GraphSubscription" TO graph_calendar_sync_scoped;
  END IF;
END $$;
