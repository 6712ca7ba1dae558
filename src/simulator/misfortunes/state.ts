/** What is wrong with a mailbox as a whole; plain JSON, kept with the mailbox. */
export interface MailboxMisfortunes {
  /**
   * Why Graph does not reach the mailbox at all: it lies on a server of the company's own, has no licence, is in the
   * recycle bin, is being moved, its database is away, or the address has none.
   */
  unreachable?: 'on-premises' | 'unlicensed' | 'soft-deleted' | 'moving' | 'store-unavailable' | 'gone';
  /** Addressed by address, the mailbox is looked for on the wrong server; by object id it is found. */
  staleByUpn?: boolean;
  /** No room: writes fail, and delta reads, which keep their state in the mailbox; everything else is read as ever. */
  full?: boolean;
  /** No more mail today: what would send an invitation or an answer fails. */
  sendingLimit?: boolean;
  /** The administrator keeps applications out; a signed-in user still gets in. */
  accessPolicy?: boolean;
}

const CAUSES = ['on-premises', 'unlicensed', 'soft-deleted', 'moving', 'store-unavailable', 'gone'];
const FLAGS = ['staleByUpn', 'full', 'sendingLimit', 'accessPolicy'];

/** @throws {TypeError} for what is no misfortune; a control plane passes what it was sent */
export function checkMisfortunes(misfortunes: MailboxMisfortunes): void {
  for (const [name, value] of Object.entries(misfortunes)) {
    if (value === undefined) continue;
    const isFine = name === 'unreachable' ? CAUSES.includes(value) : FLAGS.includes(name) && typeof value === 'boolean';
    if (!isFine) {
      throw new TypeError(
        `misfortunes: unreachable is one of ${CAUSES.join(', ')}; ${FLAGS.join(', ')} are true or false`,
      );
    }
  }
}
