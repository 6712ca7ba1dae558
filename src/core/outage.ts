/** What keeps requests from a mailbox for a while: Graph cannot serve it, or does not answer anybody. */
export interface Outage {
  readonly of: 'mailbox' | 'graph';
  /** Then one request tries whether it is over. */
  readonly until: Date;
}
