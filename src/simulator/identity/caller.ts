import type { SimulatedRequest } from '../http/http-types.ts';
import { demandedClaims } from './claims-request.ts';
import type { Directory, TokenEvent } from './directory.ts';
import { type AccessToken, type Caller, readAccessToken } from './tokens.ts';

/** Why Graph does not let a request in, and what it wants instead. */
export interface RefusedCaller {
  message: string;
  /** `WWW-Authenticate`. */
  challenge: string;
}

/** Who calls Graph, or why nobody does: no token, a bad one, or one that continuous access evaluation took back. */
export function readCaller(directory: Directory, request: SimulatedRequest): Caller | RefusedCaller {
  const plain = `Bearer realm="", authorization_uri="${request.url.origin}/common/oauth2/authorize"`;
  const token = readAccessToken(directory.world, request.headers['authorization']);
  if (typeof token === 'string') return { message: token, challenge: plain };
  const refused = evaluate(directory, token);
  if (refused !== undefined) {
    const claims = Buffer.from(demandedClaims(refused.notBefore)).toString('base64');
    return {
      message: `Continuous access evaluation resulted in challenge with result: InteractionRequired and code: ${refused.code}`,
      challenge: `${plain}, error="insufficient_claims", claims="${claims}"`,
    };
  }
  const client = directory.clients.find(({ clientId }) => clientId === token.appid);
  if (token.idtyp !== 'app' || client === undefined) return token;
  const { restrictedTo, rbac } = client;
  return {
    ...token,
    ...(restrictedTo === undefined ? {} : { restrictedTo }),
    ...(rbac === undefined ? {} : { rbac }),
  };
}

export const isRefused = (caller: Caller | RefusedCaller): caller is RefusedCaller => 'challenge' in caller;

/** Only clients that said they can answer a challenge get one; the others' tokens live out their hour. */
function evaluate(directory: Directory, token: AccessToken): { code: string; notBefore: number } | undefined {
  if (!token.xms_cc?.includes('cp1')) return undefined;
  const subject = token.oid ?? token.appid;
  const seconds = ({ atMs }: TokenEvent) => Math.floor(atMs / 1000);
  const revoked = directory.revocationOf(subject);
  if (revoked !== undefined && (token.seq ?? 0) < revoked.seq) {
    return { code: 'TokenIssuedBeforeRevocationTimestamp', notBefore: seconds(revoked) };
  }
  const demand = directory.demandOf(subject);
  if (demand !== undefined && (token.met ?? 0) < demand.seq) {
    return { code: 'LocationConditionEvaluationSatisfied', notBefore: seconds(demand) };
  }
  return undefined;
}
