import { SyncError } from '../core/errors.ts';
import { isStorable, type UserId } from '../core/ids.ts';
import type { Clock, Random } from '../core/runtime.ts';
import type { AuditAction } from '../store/audit.repository.ts';
import type { Tx } from '../store/db.ts';
import type { ErasureRepository } from '../store/erasure.repository.ts';
import { withoutScope } from '../store/row-scope.ts';
import { type ExportParts, PrivacyExport } from './privacy-export.ts';
import { zipArchive } from './zip-archive.ts';

/** Who asks, as their token says. */
export interface PrivacyCaller {
  readonly userId: UserId;
  readonly roles: readonly string[];
}

export interface PrivacyParts extends ExportParts {
  readonly erasure: ErasureRepository;
  /** Takes a user's jobs out of the queue, in whatever state they are. */
  readonly forgetJobs: (tx: Tx, userId: UserId) => Promise<void>;
  /** Ends what Microsoft tells of the mailbox, as far as that can be done just now. */
  readonly unsubscribe: (userId: UserId) => Promise<void>;
  /** Told that somebody's sign-in is gone. */
  readonly forgetTokens: (userId: UserId) => void;
  readonly clock: Clock;
  readonly random: Random;
}

/** What a person may ask of those who hold something about them: to see it all, and to have it gone. */
export class PrivacyService {
  readonly #parts: PrivacyParts;
  readonly #exporting = new Set<UserId>();

  constructor(parts: PrivacyParts) {
    this.#parts = parts;
  }

  /**
   * Everything held about the caller, as one zip archive that is read as fast as the caller takes it. Leaving off ends the
   * reading. That it was asked for is on record before the first byte leaves.
   *
   * @throws {SyncError} `conflict-state` while this process is at another one of theirs
   */
  async export(caller: PrivacyCaller, how: { readonly correlationId?: string } = {}): Promise<AsyncGenerator<Buffer>> {
    const { userId } = caller;
    const { db, clock } = this.#parts;
    this.#assertIdle(userId);
    await db.transaction((tx) => this.#note(tx, 'privacy.exported', caller, userId, how.correlationId));
    this.#assertIdle(userId);
    return this.#archive(userId, new PrivacyExport(this.#parts, userId, () => clock.now()));
  }

  /**
   * Takes a person out of the service: rows, jobs, sign-in, and the key, so that backups say nothing of them either. A run
   * at work, in whatever process, loses the mailbox first and writes nothing more. What is in Outlook stays there. Of the
   * audit log the lines remain, under a name drawn by lot. Whoever is not there is erased already.
   */
  async erase(caller: PrivacyCaller, userId: UserId, how: { readonly correlationId?: string } = {}): Promise<void> {
    if (!isStorable(userId)) return;
    const { db, erasure, audit, random, unsubscribe, forgetJobs, forgetTokens } = this.#parts;
    await unsubscribe(userId);
    const pseudonym = `erased-${random.id()}` as UserId;
    await withoutScope(() =>
      db.transaction(async (tx) => {
        const rows = await erasure.eraseRows(tx, userId);
        await forgetJobs(tx, userId);
        const lines = await audit.forgetPerson(tx, userId, pseudonym);
        if (rows + lines === 0) return;
        const isSelf = caller.userId === userId;
        const actor = isSelf ? { ...caller, userId: pseudonym } : caller;
        await this.#note(tx, 'privacy.erased', actor, pseudonym, isSelf ? undefined : how.correlationId);
      }),
    );
    forgetTokens(userId);
  }

  async *#archive(userId: UserId, held: PrivacyExport): AsyncGenerator<Buffer> {
    this.#exporting.add(userId);
    try {
      yield* zipArchive(held.files(), this.#parts.clock.now());
    } finally {
      this.#exporting.delete(userId);
    }
  }

  #assertIdle(userId: UserId): void {
    if (!this.#exporting.has(userId)) return;
    throw new SyncError('conflict-state', 'another export is on its way; one at a time');
  }

  #note(
    tx: Tx,
    action: AuditAction,
    { userId: actor, roles }: PrivacyCaller,
    subject: UserId,
    correlationId: string | undefined,
  ): Promise<void> {
    const at = this.#parts.clock.now();
    return this.#parts.audit.append(tx, { at, actor, actorRoles: roles, action, subject, correlationId });
  }
}
