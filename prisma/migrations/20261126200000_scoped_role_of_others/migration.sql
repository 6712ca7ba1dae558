-- A login that row-level security does not bind need not be a superuser: hosted databases hand out BYPASSRLS alone. Who makes
-- a role may not work as it yet (and on PostgreSQL 16 and later not even as a member of it), so it is said here.
DO $$
DECLARE
  may_become CONSTANT text := CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END;
BEGIN
  IF (SELECT rolbypassrls AND NOT rolsuper FROM pg_roles WHERE rolname = current_user)
    AND NOT pg_has_role(current_user, 'graph_calendar_sync_scoped', may_become) THEN
    EXECUTE format('GRANT graph_calendar_sync_scoped TO %I', current_user);
  END IF;
END $$;
