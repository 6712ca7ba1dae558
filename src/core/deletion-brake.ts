/** Fewer deletions than this are never suspicious, however small the calendar. */
export const BRAKE_MIN_DELETIONS = 20;
/** More than this share of what is synced, gone at once, is more likely an accident than an intention. */
const BRAKE_SHARE = 1 / 3;
/** Deletions so far apart are no part of one accident. */
export const BRAKE_WINDOW_MS = 24 * 60 * 60_000;

/**
 * Whether a run is about to delete suspiciously much and must ask first.
 *
 * @param deletions  how many events the run would delete on one side, with how many the calendar has lost lately
 * @param synced     how many events of the calendar were synced before
 */
export function isMassDeletion({ deletions, synced }: { deletions: number; synced: number }): boolean {
  return deletions > BRAKE_MIN_DELETIONS && deletions > synced * BRAKE_SHARE;
}
