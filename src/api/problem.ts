import { STATUS_CODES } from 'node:http';
import type { InputProblem } from '../core/errors.ts';

export const PROBLEM_TYPE = 'application/problem+json; charset=utf-8';

/** What is wrong with a request before any service has seen it; services say it with a `SyncError`. */
export class HttpProblem extends Error {
  readonly status: number;
  readonly code: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly problems: readonly InputProblem[];

  constructor(
    status: number,
    code: string,
    detail: string,
    more: { headers?: Readonly<Record<string, string>>; problems?: readonly InputProblem[]; cause?: unknown } = {},
  ) {
    super(detail, more.cause === undefined ? undefined : { cause: more.cause });
    this.name = 'HttpProblem';
    this.status = status;
    this.code = code;
    this.headers = more.headers ?? {};
    this.problems = more.problems ?? [];
  }
}

/** An error as RFC 9457 writes it, with our own members after the standard's. */
export interface ProblemDetails {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly instance: string;
  /** Stable, upper snake case: what programs should look at. */
  readonly code: string;
  readonly correlationId: string;
  readonly errors?: readonly InputProblem[];
  readonly details?: Readonly<Record<string, unknown>>;
}

export function problemDetails(parts: {
  status: number;
  code: string;
  detail: string;
  url: string;
  correlationId: string;
  problems?: readonly InputProblem[] | undefined;
  details?: Readonly<Record<string, unknown>> | undefined;
}): ProblemDetails {
  const { status, code, detail, url, correlationId, problems = [], details } = parts;
  return {
    type: `urn:problem-type:${code.toLowerCase().replaceAll('_', '-')}`,
    title: STATUS_CODES[status] ?? 'Error',
    status,
    detail,
    // Without the query: what a caller searched for is nobody else's business.
    instance: url.split('?', 1)[0] ?? url,
    code,
    correlationId,
    ...(problems.length > 0 ? { errors: problems } : {}),
    ...(details ? { details } : {}),
  };
}
