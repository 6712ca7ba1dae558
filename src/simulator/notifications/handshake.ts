import { GraphError } from '../http/graph-error.ts';
import type { DeliveryLog } from './delivery-log.ts';
import type { WebhookAnswer, WebhookSender } from './webhook-sender.ts';

export interface Handshake {
  sender: WebhookSender;
  log: DeliveryLog;
  timeoutMs: number;
}

/**
 * Asks an endpoint whether it wants notifications: it has to send the token back as plain text
 * (Microsoft Graph "change-notifications-delivery-webhooks").
 *
 * @throws {GraphError} 400 `ValidationError`; 400 `InvalidRequest` when nobody answers
 */
export async function validateEndpoint(
  url: string,
  token: string,
  { sender, log, timeoutMs }: Handshake,
): Promise<void> {
  const address = withToken(url, token);
  const answer = await sender.post(address, { contentType: 'text/plain; charset=utf-8', body: '', timeoutMs });
  const problem = problemOf(answer, token, timeoutMs);
  log.add({
    url: address,
    kind: 'validation',
    attempt: 1,
    answer,
    outcome: problem === undefined ? 'accepted' : 'refused',
  });
  if (problem !== undefined) throw problem;
}

function problemOf(answer: WebhookAnswer, token: string, timeoutMs: number): GraphError | undefined {
  switch (answer.kind) {
    case 'unreachable':
      return new GraphError(400, 'InvalidRequest', `The underlying connection was closed: ${answer.reason}`);
    case 'timeout':
      return failed(`Notification endpoint did not answer within ${timeoutMs / 1000} seconds.`);
    case 'answered':
      if (answer.status !== 200) {
        return failed(
          `Notification endpoint must respond with 200 OK to validation request. It answered ${answer.status}.`,
        );
      }
      if (!/^text\/plain\b/i.test(answer.contentType)) return failed('The answer must be of type text/plain.');
      return answer.text === token ? undefined : failed('The answer must be the decoded validation token alone.');
  }
}

const failed = (detail: string): GraphError =>
  new GraphError(400, 'ValidationError', `Subscription validation request failed. ${detail}`);

/** The query of the address is kept; the token is written the way .NET does it: `%3a`, `+` for blanks. */
function withToken(url: string, token: string): string {
  const encoded = encodeURIComponent(token)
    .replaceAll(/%[0-9A-F]{2}/g, (hex) => hex.toLowerCase())
    .replaceAll('%20', '+');
  const [address = '', ...fragment] = url.split('#');
  const separator = !address.includes('?') ? '?' : /[?&]$/.test(address) ? '' : '&';
  return [`${address}${separator}validationToken=${encoded}`, ...fragment].join('#');
}
