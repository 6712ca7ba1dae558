import { SyncError } from '../core/errors.ts';

/** Twenty events in a batch may be large, and a page of them too; what is larger than this no mailbox holds. */
export const ANSWER_BYTES = 64 * 1024 * 1024;
/** Lists and objects cost many times their text once they are read. A thousand events have some fifty thousand. */
const ANSWER_BRACKETS = 2_000_000;
const OPENING_BRACKET = 0x5b;
const OPENING_BRACE = 0x7b;

/**
 * The text of an answer, given up in the middle where it is without measure: nobody's bad day at the other end is to cost
 * our memory.
 *
 * @param what  who answered, for the error
 * @throws {SyncError} `rejected`: the same request would be answered in the same way again
 */
export async function boundedText(response: Response, what: string, maxBytes = ANSWER_BYTES): Promise<string> {
  if (!response.body) return '';
  const decoder = new TextDecoder();
  const pieces: string[] = [];
  let bytes = 0;
  let brackets = 0;
  // Leaving the loop ends the answer, and with it the connection.
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    bytes += chunk.byteLength;
    if (bytes > maxBytes) throw tooLarge(what, `${maxBytes / (1024 * 1024)} MB`);
    for (const byte of chunk) if (byte === OPENING_BRACKET || byte === OPENING_BRACE) brackets += 1;
    if (brackets > ANSWER_BRACKETS) throw tooLarge(what, `${ANSWER_BRACKETS} lists and objects`);
    pieces.push(decoder.decode(chunk, { stream: true }));
  }
  pieces.push(decoder.decode());
  return pieces.join('');
}

function tooLarge(what: string, measure: string): SyncError {
  return new SyncError('rejected', `${what} is larger than ${measure}; it is not read`);
}
