/** What was measured at one moment, by name; `atS` is seconds since the beginning. */
export type Sample = Readonly<Record<string, number>> & { readonly atS: number };

export interface Trend {
  readonly name: string;
  readonly atHalf: number;
  readonly atEnd: number;
  readonly least: number;
  readonly most: number;
  /** The slope of the second half, by least squares: the first is for warming up. */
  readonly perHour: number;
  /** The slope of the last quarter alone. */
  readonly restPerHour: number;
  /** The slope of what it falls back to, over the second half. */
  readonly floorPerHour: number;
  /** What it may grow by in an hour; without one it is only reported. */
  readonly bound: number | undefined;
  readonly isFlat: boolean;
}

/**
 * What must not grow, and by how much an hour it may seem to. Memory breathes with the garbage collector, so its bound is
 * a share of what is there; handles and connections have no such excuse.
 */
const BOUNDS: readonly (readonly [name: RegExp, bound: (level: number) => number])[] = [
  [/ rss MB$/, (level) => level * 0.35],
  [/ heap MB$/, (level) => level * 0.5],
  [/ handles$/, () => 30],
  [/^database connections$/, () => 15],
  [
    /^rows of (MailboxLease|UserKey|RateCount|Calendar|DeltaCursor|DirtySeries|CalendarConnection|GraphSubscription)$/,
    () => 10,
  ],
  [/^rows of (CalendarEvent|EventBase)$/, (level) => Math.max(60, level)],
  [/^lag ms$/, (level) => Math.max(10_000, level * 2)],
];

/** Stretches of the second half, each long enough for the collector to come by. */
const STRETCHES = 4;

/**
 * A figure is flat when the second half does not rise by more than its bound allows; or when it took a step in there and came
 * to rest, as memory does when the collector has chosen a larger heap; or when it always falls back to the same, however much
 * garbage lay about at the moments of looking. What leaks neither rests nor falls back.
 */
export function judgeFlatness(samples: readonly Sample[]): Trend[] {
  const half = samples.slice(Math.floor(samples.length / 2));
  const names = [...new Set(samples.flatMap((sample) => Object.keys(sample)))].filter((name) => name !== 'atS');
  return names.flatMap((name) => {
    const points = half.flatMap((sample) => (sample[name] === undefined ? [] : [[sample.atS, sample[name]] as const]));
    if (points.length < 2) return [];
    const levels = points.map(([, level]) => level);
    const perHour = slopeOf(points) * 3600;
    const restPerHour = slopeOf(points.slice(Math.floor(points.length / 2))) * 3600;
    const floorPerHour = slopeOf(floorOf(points)) * 3600;
    const middle = levels.reduce((sum, level) => sum + level, 0) / levels.length;
    const bound = BOUNDS.find(([pattern]) => pattern.test(name))?.[1](middle);
    return [
      {
        ...{ name, atHalf: levels[0] ?? 0, atEnd: levels.at(-1) ?? 0, perHour, restPerHour, floorPerHour, bound },
        ...{ least: Math.min(...levels), most: Math.max(...levels) },
        isFlat: bound === undefined || Math.min(perHour, restPerHour, floorPerHour) <= bound,
      },
    ];
  });
}

/** The least of each stretch. */
function floorOf(points: readonly (readonly [x: number, y: number])[]): (readonly [x: number, y: number])[] {
  const size = Math.ceil(points.length / STRETCHES);
  return Array.from({ length: Math.ceil(points.length / size) }, (_, at) =>
    points.slice(at * size, (at + 1) * size).reduce((least, point) => (point[1] < least[1] ? point : least)),
  );
}

/** Of the straight line that fits best. */
export function slopeOf(points: readonly (readonly [x: number, y: number])[]): number {
  const meanX = points.reduce((sum, [x]) => sum + x, 0) / points.length;
  const meanY = points.reduce((sum, [, y]) => sum + y, 0) / points.length;
  const spread = points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
  return spread === 0 ? 0 : points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0) / spread;
}
