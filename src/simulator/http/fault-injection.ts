import { wait } from '../runtime.ts';
import { bodyText } from './answers.ts';
import { faultBody, type ScriptedFault } from './faults.ts';
import { GraphError } from './graph-error.ts';
import type { SimulatedRequest, SimulatedResponse } from './http-types.ts';

/** The connection was cut: the caller gets no answer at all. */
export class ConnectionDropped extends Error {
  override readonly name = 'ConnectionDropped';
}

/**
 * Answers a request a fault has hit.
 *
 * @param answer carries the request out, for the faults that strike after the commit
 * @throws {GraphError} the refusal the fault stands for; {@link ConnectionDropped}
 */
export async function strike(
  fault: ScriptedFault,
  request: SimulatedRequest,
  answer: () => Promise<SimulatedResponse>,
): Promise<SimulatedResponse> {
  switch (fault.kind ?? 'status') {
    case 'status':
      throw refusalOf(fault);
    case 'status-after-commit':
      await answer();
      throw refusalOf(fault);
    case 'drop-before':
      throw new ConnectionDropped('connection dropped before the request');
    case 'drop-after-commit':
      await answer();
      throw new ConnectionDropped('connection dropped before the answer');
    case 'truncated-json': {
      const whole = await answer();
      const text = bodyText(whole);
      return { status: whole.status, headers: whole.headers, text: text.slice(0, Math.floor(text.length / 2)) };
    }
    case 'gateway-html':
      return {
        status: fault.status ?? 502,
        headers: { 'content-type': 'text/html', ...fault.headers },
        text: '<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body><center><h1>502 Bad Gateway</h1></center></body>\r\n</html>\r\n',
      };
    case 'slow':
      await wait(fault.slowMs ?? 1000, request.signal);
      return answer();
    case 'hang':
      await wait(Number.POSITIVE_INFINITY, request.signal);
      throw new ConnectionDropped('the connection hung');
  }
}

function refusalOf(fault: ScriptedFault): GraphError {
  const { status, code, message } = faultBody(fault);
  const retryAfter = fault.retryAfter === undefined ? {} : { 'retry-after': String(fault.retryAfter) };
  return new GraphError(status, code, message, { headers: { ...retryAfter, ...fault.headers } });
}
