-- The second line of isolation. A session that works for one user says so in the setting graph_calendar_sync.scope
-- ("user:" and the id); from then on it sees and writes that user's rows alone, whatever its statements forget to ask.
-- Where nothing is set (the scheduler, an operator's psql, an application that reads these tables) nothing is hidden.
-- Owners are bound as well. Superusers never are, so a service that logs in as one works in scopes as this role.
DO $$
BEGIN
  IF (SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user) THEN
    BEGIN
      CREATE ROLE graph_calendar_sync_scoped NOLOGIN;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN
      NULL;
    END;
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO graph_calendar_sync_scoped', current_schema());
  END IF;
END $$;

DO $$
DECLARE
  held text;
BEGIN
  FOREACH held IN ARRAY ARRAY[
    'CalendarEvent', 'CalendarEventTombstone', 'EventBase', 'Calendar', 'CalendarConnection', 'DeltaCursor',
    'DirtySeries', 'CalendarSyncState', 'CalendarSyncConflict', 'SyncOperation', 'UserSettings', 'UserKey',
    'MailboxLease', 'IdempotencyKey'
  ]
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', held);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', held);
    EXECUTE format($policy$
      CREATE POLICY "one user at a time" ON %I USING (
        (SELECT coalesce(current_setting('graph_calendar_sync.scope', true), '')) IN ('', 'user:' || "userId")
      )
    $policy$, held);
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'graph_calendar_sync_scoped')
      AND (SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user) THEN
      EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON TABLE %I TO graph_calendar_sync_scoped', held);
    END IF;
  END LOOP;
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'graph_calendar_sync_scoped')
    AND (SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user) THEN
    EXECUTE format('GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA %I TO graph_calendar_sync_scoped', current_schema());
  END IF;
END $$;
