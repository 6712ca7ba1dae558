/** What is wrong with a control request: problem details in the manner of RFC 9457, with what would be right. */
export class ControlError extends Error {
  override readonly name = 'ControlError';
  readonly status: number;
  /** Stable, for programs. */
  readonly code: string;
  readonly problems: readonly ControlProblem[];
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    code: string,
    detail: string,
    more: { problems?: readonly ControlProblem[]; headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(detail);
    this.status = status;
    this.code = code;
    this.problems = more.problems ?? [];
    this.headers = more.headers ?? {};
  }
}

export interface ControlProblem {
  /** Place in the body, such as `furnish.events`, or the name of a query parameter. */
  at: string;
  message: string;
}

export function invalidInput(problems: readonly ControlProblem[]): ControlError {
  const [first] = problems;
  const others = problems.length > 1 ? ` (and ${problems.length - 1} more)` : '';
  return new ControlError(400, 'invalid-input', `${first?.at}: ${first?.message}${others}`, { problems });
}

/** One place that is wrong. */
export const wrong = (at: string, message: string): ControlError => invalidInput([{ at, message }]);
