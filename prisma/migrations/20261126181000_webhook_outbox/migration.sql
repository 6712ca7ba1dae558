-- The outbox of the application's own webhooks: what happens writes its deliveries itself, in its own transaction, whoever
-- makes it happen (see docs/decisions/outgoing-webhooks.md). They hold ids and kinds, nothing anybody wrote.

-- What waits, by endpoint and age: what the worker looks for once a second.
CREATE INDEX "WebhookDelivery_waiting_idx" ON "WebhookDelivery" ("webhookId", "createdAt") WHERE "nextAttemptAt" IS NOT NULL;

-- The functions run as their owner, so that who may write events needs no rights on the outbox (see the end).

-- One delivery for each endpoint of the user that wants to hear of it. It is due since ever: whoever's clock is looked at,
-- the first attempt is to be made at once.
CREATE FUNCTION "webhook_emit"("owner" text, "kind" text, "about" jsonb, "at" timestamptz) RETURNS void
LANGUAGE sql SECURITY DEFINER AS $$
  INSERT INTO "WebhookDelivery" ("id", "userId", "webhookId", "eventType", "payload", "createdAt", "nextAttemptAt")
  SELECT 'msg_' || replace(gen_random_uuid()::text, '-', ''), w."userId", w."id", "kind",
    jsonb_build_object('type', "kind", 'data', "about",
      'timestamp', to_char("at" AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')),
    "at", 'epoch'
  FROM "OutgoingWebhook" w
  WHERE w."userId" = "owner" AND w."disabledAt" IS NULL AND "kind" = ANY (w."events")
$$;

-- Events come by hundreds, so theirs is told by statement. An event that a transaction touches several times is told of
-- once: the delivery's id is made of the endpoint, the event and the transaction.
CREATE FUNCTION "webhook_of_events"() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
  "at" CONSTANT timestamptz := COALESCE(NULLIF(current_setting('gcs.now', true), '')::timestamptz, clock_timestamp());
  "owners" text[];
  "kind" text;
  "ids" text[];
  "calendars" text[];
BEGIN
  IF TG_OP = 'DELETE' THEN
    "owners" := ARRAY(SELECT DISTINCT "userId" FROM "before");
  ELSE
    "owners" := ARRAY(SELECT DISTINCT "userId" FROM "after");
  END IF;
  IF NOT EXISTS (SELECT FROM "OutgoingWebhook" w WHERE w."userId" = ANY ("owners") AND w."disabledAt" IS NULL) THEN
    RETURN NULL;
  END IF;
  IF TG_OP = 'INSERT' THEN
    "kind" := 'event.created';
    SELECT array_agg(e."id"), array_agg(e."calendarId"), array_agg(e."userId")
      INTO "ids", "calendars", "owners" FROM "after" e;
  ELSIF TG_OP = 'DELETE' THEN
    "kind" := 'event.deleted';
    SELECT array_agg(e."id"), array_agg(e."calendarId"), array_agg(e."userId")
      INTO "ids", "calendars", "owners" FROM "before" e;
  ELSE
    -- The revision says whether the content changed, as it does in the change feed.
    "kind" := 'event.updated';
    SELECT array_agg(e."id"), array_agg(e."calendarId"), array_agg(e."userId")
      INTO "ids", "calendars", "owners" FROM "after" e JOIN "before" b ON b."id" = e."id" WHERE e."revision" <> b."revision";
  END IF;
  INSERT INTO "WebhookDelivery" AS d ("id", "userId", "webhookId", "eventType", "payload", "createdAt", "nextAttemptAt")
  SELECT 'msg_' || left(encode(sha256(convert_to(
      concat_ws(' ', w."id", e."id", pg_current_xact_id(), extract(epoch FROM now())), 'UTF8')), 'hex'), 32),
    w."userId", w."id", "kind",
    jsonb_build_object('type', "kind", 'data', jsonb_build_object('id', e."id", 'calendarId', e."calendarId"),
      'timestamp', to_char("at" AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')),
    "at", 'epoch'
  FROM unnest("ids", "calendars", "owners") AS e("id", "calendarId", "userId")
  JOIN "OutgoingWebhook" w ON w."userId" = e."userId"
  WHERE w."disabledAt" IS NULL AND "kind" = ANY (w."events")
  ON CONFLICT ("id") DO UPDATE SET ("eventType", "payload") = (
    SELECT told, jsonb_set(EXCLUDED."payload", '{type}', to_jsonb(told)) FROM (SELECT CASE
      WHEN d."eventType" = 'event.created' AND EXCLUDED."eventType" = 'event.updated' THEN 'event.created'
      WHEN d."eventType" = 'event.deleted' AND EXCLUDED."eventType" = 'event.created' THEN 'event.updated'
      ELSE EXCLUDED."eventType" END AS told) t);
  RETURN NULL;
END
$$;

CREATE TRIGGER "webhook_of_created_events" AFTER INSERT ON "CalendarEvent"
  REFERENCING NEW TABLE AS "after" FOR EACH STATEMENT EXECUTE FUNCTION "webhook_of_events"();
CREATE TRIGGER "webhook_of_updated_events" AFTER UPDATE ON "CalendarEvent"
  REFERENCING OLD TABLE AS "before" NEW TABLE AS "after" FOR EACH STATEMENT EXECUTE FUNCTION "webhook_of_events"();
CREATE TRIGGER "webhook_of_deleted_events" AFTER DELETE ON "CalendarEvent"
  REFERENCING OLD TABLE AS "before" FOR EACH STATEMENT EXECUTE FUNCTION "webhook_of_events"();

-- A conflict that the strategy decided at once is detected and resolved.
CREATE FUNCTION "webhook_of_conflict"() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
  "about" CONSTANT jsonb := jsonb_build_object('id', NEW."id", 'calendarId', NEW."calendarId", 'eventId', NEW."eventId",
    'conflictType', NEW."conflictType", 'resolution', NULLIF(NEW."resolution"::text, 'PENDING'));
BEGIN
  IF TG_OP = 'INSERT' THEN PERFORM "webhook_emit"(NEW."userId", 'conflict.detected', "about", NEW."detectedAt"); END IF;
  IF NEW."resolvedAt" IS NOT NULL THEN
    PERFORM "webhook_emit"(NEW."userId", 'conflict.resolved', "about", NEW."resolvedAt");
  END IF;
  RETURN NULL;
END
$$;

CREATE TRIGGER "webhook_of_new_conflict" AFTER INSERT ON "CalendarSyncConflict"
  FOR EACH ROW EXECUTE FUNCTION "webhook_of_conflict"();
CREATE TRIGGER "webhook_of_closed_conflict" AFTER UPDATE ON "CalendarSyncConflict"
  FOR EACH ROW WHEN (OLD."resolvedAt" IS NULL AND NEW."resolvedAt" IS NOT NULL)
  EXECUTE FUNCTION "webhook_of_conflict"();

CREATE FUNCTION "webhook_of_run"() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  PERFORM "webhook_emit"(NEW."userId", CASE NEW."status" WHEN 'COMPLETED' THEN 'sync.completed' ELSE 'sync.failed' END,
    jsonb_build_object('id', NEW."id", 'calendarId', NEW."calendarId", 'direction', NEW."direction",
      'trigger', NEW."trigger", 'errorCode', NEW."errorCode"),
    COALESCE(NEW."completedAt", clock_timestamp()));
  RETURN NULL;
END
$$;

CREATE TRIGGER "webhook_of_ended_run" AFTER UPDATE OF "status" ON "CalendarSyncState"
  FOR EACH ROW WHEN (NEW."status" IS DISTINCT FROM OLD."status" AND NEW."status" IN ('COMPLETED', 'FAILED'))
  EXECUTE FUNCTION "webhook_of_run"();

CREATE FUNCTION "webhook_of_connection"() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  PERFORM "webhook_emit"(NEW."userId", 'connection.reauthorization_required',
    jsonb_build_object('id', NEW."mailboxId", 'mode', NEW."mode"), clock_timestamp());
  RETURN NULL;
END
$$;

CREATE TRIGGER "webhook_of_lost_connection" AFTER UPDATE OF "status" ON "CalendarConnection"
  FOR EACH ROW WHEN (NEW."status" IS DISTINCT FROM OLD."status" AND NEW."status" = 'REAUTH_REQUIRED')
  EXECUTE FUNCTION "webhook_of_connection"();

-- Nobody else may call what runs as its owner, or hang it on a table of their own; and it finds no tables but ours, whatever
-- search path the caller has set and whatever temporary tables they have made.
DO $$
DECLARE
  held text;
BEGIN
  FOREACH held IN ARRAY ARRAY[
    '"webhook_emit"(text, text, jsonb, timestamptz)', '"webhook_of_events"()', '"webhook_of_conflict"()',
    '"webhook_of_run"()', '"webhook_of_connection"()'
  ]
  LOOP
    EXECUTE format('ALTER FUNCTION %s SET search_path = pg_catalog, %I, pg_temp', held, current_schema());
    EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', held);
  END LOOP;
END $$;
