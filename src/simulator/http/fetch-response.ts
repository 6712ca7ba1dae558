import { bodyPayload } from './answers.ts';
import type { SimulatedResponse } from './http-types.ts';

/** An answer as `fetch` gives it. One that is cut short breaks off while its body is read, as a reset connection does. */
export function fetchResponse(answer: SimulatedResponse): Response {
  const { status, headers } = answer;
  const payload = bodyPayload(answer);
  if (status === 204 || payload.length === 0) return new Response(null, { status, headers });
  if (answer.isCutShort !== true) return new Response(payload, { status, headers });
  const whole = Buffer.from(payload);
  let isTold = false;
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull(controller) {
      if (isTold) controller.error(new TypeError('terminated'));
      else controller.enqueue(new Uint8Array(whole.subarray(0, Math.floor(whole.length / 2))));
      isTold = true;
    },
  });
  return new Response(body, { status, headers });
}
