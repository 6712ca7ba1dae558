/** How long things are kept, in days. */
export interface RetentionPeriods {
  /** Runs and their audit trail. */
  readonly historyDays: number;
  /** The audit log of who did what. */
  readonly auditDays: number;
  /** Conflicts that are decided. */
  readonly conflictsDays: number;
  /** What the change feed tells of deleted events; an older cursor starts over. */
  readonly tombstonesDays: number;
  /** Past events outside their calendar's window; 0 keeps them. */
  readonly pastEventsDays: number;
}

export const DEFAULT_RETENTION: RetentionPeriods = {
  historyDays: 90,
  auditDays: 365,
  conflictsDays: 180,
  tombstonesDays: 90,
  pastEventsDays: 0,
};
