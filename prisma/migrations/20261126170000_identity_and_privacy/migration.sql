-- AlterTable
ALTER TABLE "CalendarConnection" ADD COLUMN     "accountId" TEXT,
ADD COLUMN     "challenge" TEXT,
ADD COLUMN     "scopes" TEXT[],
ADD COLUMN     "tokenVersion" INTEGER NOT NULL DEFAULT 0,
ADD COLUMN     "tokensUsedAt" TIMESTAMPTZ(3);

-- CreateTable
CREATE TABLE "AuthorizationRequest" (
    "stateHash" TEXT NOT NULL,
    "userId" TEXT NOT NULL,
    "secret" JSONB NOT NULL,
    "browserHash" TEXT,
    "createdAt" TIMESTAMPTZ(3) NOT NULL,
    "expiresAt" TIMESTAMPTZ(3) NOT NULL,
    "usedAt" TIMESTAMPTZ(3),

    CONSTRAINT "AuthorizationRequest_pkey" PRIMARY KEY ("stateHash")
);

-- CreateTable
CREATE TABLE "AuditEntry" (
    "id" BIGSERIAL NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "actor" TEXT,
    "actorRoles" TEXT[],
    "action" TEXT NOT NULL,
    "subject" TEXT,
    "target" TEXT,
    "outcome" TEXT NOT NULL,
    "correlationId" TEXT,
    "details" JSONB,

    CONSTRAINT "AuditEntry_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE UNLOGGED TABLE "RateCount" (
    "key" TEXT NOT NULL,
    "startedAt" TIMESTAMPTZ(3) NOT NULL,
    "count" INTEGER NOT NULL,

    CONSTRAINT "RateCount_pkey" PRIMARY KEY ("key")
);

-- CreateTable
CREATE TABLE "OutgoingWebhook" (
    "id" TEXT NOT NULL,
    "userId" TEXT NOT NULL,
    "url" TEXT NOT NULL,
    "events" TEXT[],
    "secret" TEXT NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL,
    "disabledAt" TIMESTAMPTZ(3),
    "failures" INTEGER NOT NULL DEFAULT 0,

    CONSTRAINT "OutgoingWebhook_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "WebhookDelivery" (
    "id" TEXT NOT NULL,
    "userId" TEXT NOT NULL,
    "webhookId" TEXT NOT NULL,
    "eventType" TEXT NOT NULL,
    "payload" JSONB NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL,
    "nextAttemptAt" TIMESTAMPTZ(3),
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "deliveredAt" TIMESTAMPTZ(3),
    "lastStatus" INTEGER,
    "lastError" TEXT,

    CONSTRAINT "WebhookDelivery_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "AuthorizationRequest_userId_idx" ON "AuthorizationRequest"("userId");

-- CreateIndex
CREATE INDEX "AuthorizationRequest_expiresAt_idx" ON "AuthorizationRequest"("expiresAt");

-- CreateIndex
CREATE INDEX "AuditEntry_at_idx" ON "AuditEntry"("at");

-- CreateIndex
CREATE INDEX "AuditEntry_subject_at_idx" ON "AuditEntry"("subject", "at");

-- CreateIndex
CREATE INDEX "AuditEntry_action_at_idx" ON "AuditEntry"("action", "at");

-- CreateIndex
CREATE INDEX "RateCount_startedAt_idx" ON "RateCount"("startedAt");

-- CreateIndex
CREATE INDEX "OutgoingWebhook_userId_idx" ON "OutgoingWebhook"("userId");

-- CreateIndex
CREATE INDEX "WebhookDelivery_nextAttemptAt_idx" ON "WebhookDelivery"("nextAttemptAt");

-- CreateIndex
CREATE INDEX "WebhookDelivery_userId_webhookId_createdAt_idx" ON "WebhookDelivery"("userId", "webhookId", "createdAt");

-- What was done stays written. Two things alone may touch it, and say so in a setting of their transaction: retention,
-- which deletes what is old enough, and erasure, which takes the person out of it.
CREATE FUNCTION "audit_is_append_only"() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
  IF TG_OP = 'DELETE' AND current_setting('graph_calendar_sync.audit', true) = 'retention' THEN RETURN OLD; END IF;
  IF TG_OP = 'UPDATE' AND current_setting('graph_calendar_sync.audit', true) = 'erasure' THEN RETURN NEW; END IF;
  RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER "audit_is_append_only" BEFORE UPDATE OR DELETE ON "AuditEntry"
  FOR EACH ROW EXECUTE FUNCTION "audit_is_append_only"();

-- Row-level security, as for the tables before them (see row_security). In a user's scope the audit log takes entries and
-- shows none.
DO $$
DECLARE
  held text;
BEGIN
  FOREACH held IN ARRAY ARRAY['AuthorizationRequest', 'OutgoingWebhook', 'WebhookDelivery'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', held);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', held);
    EXECUTE format($policy$
      CREATE POLICY "one user at a time" ON %I USING (
        (SELECT coalesce(current_setting('graph_calendar_sync.scope', true), '')) IN ('', 'user:' || "userId")
      )
    $policy$, held);
  END LOOP;
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'graph_calendar_sync_scoped')
    AND (SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user) THEN
    GRANT SELECT, INSERT, UPDATE, DELETE ON "AuthorizationRequest", "OutgoingWebhook", "WebhookDelivery", "RateCount"
      TO graph_calendar_sync_scoped;
    GRANT SELECT, INSERT ON "AuditEntry" TO graph_calendar_sync_scoped;
    EXECUTE format('GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA %I TO graph_calendar_sync_scoped', current_schema());
  END IF;
END $$;
ALTER TABLE "AuditEntry" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "AuditEntry" FORCE ROW LEVEL SECURITY;
CREATE POLICY "entries are taken from everybody" ON "AuditEntry" FOR INSERT WITH CHECK (true);
CREATE POLICY "and shown to the service alone" ON "AuditEntry" USING (
  (SELECT coalesce(current_setting('graph_calendar_sync.scope', true), '')) = ''
);
