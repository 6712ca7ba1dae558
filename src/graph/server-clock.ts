/** As many answers are remembered: enough that a strange one has no say, few enough that a corrected clock is soon noticed. */
const SAMPLES = 5;

/** Graph's clock against ours, good to a second: what makes both sides' modification instants comparable. */
export class ServerClock {
  readonly #samplesMs: number[] = [];

  /** Graph's time minus ours, milliseconds; the middle one of what the last answers said. */
  get offsetMs(): number | undefined {
    const sorted = this.#samplesMs.toSorted((a, b) => a - b);
    return sorted[Math.floor((sorted.length - 1) / 2)];
  }

  /**
   * Takes note of an answer, if it is Graph's own: a gateway's page, or a proxy's, is dated by another clock.
   *
   * @param at.sentAt      when the request was sent, by our clock
   * @param at.answeredAt  when its answer began, which may be long before it ended
   */
  note(response: Response, at: { sentAt: Date; answeredAt: Date }): void {
    const date = dateOf(response);
    if (!response.ok || !response.headers.has('request-id') || date === undefined) return;
    const halfwayMs = (at.sentAt.getTime() + at.answeredAt.getTime()) / 2;
    // `Date` headers leave the fraction of a second out.
    this.#samplesMs.push(date.getTime() - Math.floor(halfwayMs / 1000) * 1000);
    if (this.#samplesMs.length > SAMPLES) this.#samplesMs.shift();
  }
}

/** When an answer was given, by the clock of whoever gave it. */
export function dateOf(response: Response): Date | undefined {
  const ms = Date.parse(response.headers.get('date') ?? '');
  return Number.isNaN(ms) ? undefined : new Date(ms);
}
