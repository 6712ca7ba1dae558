/** A refusal, in the words Graph uses (Microsoft Graph "Error responses and resource types"). */
export class GraphError extends Error {
  override readonly name = 'GraphError';
  readonly status: number;
  readonly code: string;
  /** Members added inside `error`, such as `@event.existingEventId`. */
  readonly extra: Readonly<Record<string, unknown>>;
  readonly headers: Readonly<Record<string, string>>;
  /** Members of `innerError` besides the date and the request's ids. */
  readonly inner: Readonly<Record<string, unknown>>;

  constructor(
    status: number,
    code: string,
    message: string,
    more: { extra?: Record<string, unknown>; headers?: Record<string, string>; inner?: Record<string, unknown> } = {},
  ) {
    super(message);
    this.status = status;
    this.code = code;
    this.extra = more.extra ?? {};
    this.headers = more.headers ?? {};
    this.inner = more.inner ?? {};
  }
}

export const itemNotFound = (): GraphError =>
  new GraphError(404, 'ErrorItemNotFound', 'The specified object was not found in the store.');

export const malformedId = (): GraphError => new GraphError(400, 'ErrorInvalidIdMalformed', 'Id is malformed.');

export const validationFailure = (): GraphError =>
  new GraphError(400, 'ErrorPropertyValidationFailure', 'At least one property failed validation.');

export const invalidRequest = (detail: string): GraphError =>
  new GraphError(400, 'ErrorInvalidRequest', `Your request can't be completed. ${detail}`);

export const unreadableBody = (message: string): GraphError => new GraphError(400, 'RequestBodyRead', message);

export const badRequest = (message: string): GraphError => new GraphError(400, 'BadRequest', message);

export const accessDenied = (): GraphError =>
  new GraphError(403, 'ErrorAccessDenied', 'Access is denied. Check credentials and try again.');
