import { CompiledQuery, type DatabaseConnection } from 'kysely';

/** What a superuser's session works as while it is in a scope: row-level security binds no superuser. */
export const SCOPED_ROLE = 'graph_calendar_sync_scoped';

/** Whether row-level security binds the session's login, and whether there is the role for a login it does not bind. */
const LOGIN = CompiledQuery.raw(`
  select rolsuper or rolbypassrls as "isUnbound", to_regrole('${SCOPED_ROLE}') is not null as "hasRole"
  from pg_roles where rolname = session_user
`);

/** Puts sessions of one login into scopes, and out of them. */
export class ScopeSetter {
  #switchesRole: boolean | undefined;

  /**
   * @param scope  as `row-scope.ts` tells it; '' hides nothing
   * @param o.isLocal  until the end of the open transaction
   */
  async set(connection: DatabaseConnection, scope: string, o: { isLocal: boolean }): Promise<void> {
    const role = scope === '' ? 'none' : SCOPED_ROLE;
    const alsoRole = (await this.#needsRole(connection)) ? `, set_config('role', '${role}', ${o.isLocal})` : '';
    const statement = `select set_config('graph_calendar_sync.scope', $1, ${o.isLocal})${alsoRole}`;
    await connection.executeQuery(CompiledQuery.raw(statement, [scope]));
  }

  /** A database that is not migrated yet has neither role nor policies; it is asked again. */
  async #needsRole(connection: DatabaseConnection): Promise<boolean> {
    if (this.#switchesRole !== undefined) return this.#switchesRole;
    const { rows } = await connection.executeQuery<{ isUnbound: boolean; hasRole: boolean }>(LOGIN);
    const { isUnbound, hasRole } = rows[0] ?? { isUnbound: false, hasRole: false };
    if (hasRole || !isUnbound) this.#switchesRole = isUnbound;
    return isUnbound && hasRole;
  }
}
