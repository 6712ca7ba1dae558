/** How a run looks at what Graph says: `adopt` joins what exists on both sides and leaves everything else alone. */
export type PullMode = 'apply' | 'adopt';

export type PullOutcome = 'complete' | 'out-of-capacity';

/** One delta round: from the first page, or the stored link, to the deltaLink that closes it. */
export interface PullRound {
  readonly roundId: string;
  /** Lists everything in the window; what is known and not listed is looked for, never simply deleted. */
  readonly isFullRound: boolean;
  readonly window: { readonly start: Date; readonly end: Date };
  readonly startedAt: Date;
  readonly mode: PullMode;
  /** A run over a date range, or one that only adopts, leaves no cursor behind. */
  readonly isCursorKept: boolean;
}
