/** What the `claims` parameter of a token request asks for (OpenID Connect "claims request"), as far as it matters here. */
export interface ClaimsRequest {
  /** The client declares `cp1`: it can answer claims challenges. */
  readonly isCapable: boolean;
  /** `nbf` of an answered challenge, in seconds. */
  readonly notBefore: number | undefined;
}

export const NO_CLAIMS: ClaimsRequest = { isCapable: false, notBefore: undefined };

/** @returns undefined when the parameter is no JSON object */
export function readClaims(text: string | null): ClaimsRequest | undefined {
  if (text === null || text === '') return NO_CLAIMS;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const wanted = (value as { access_token?: Record<string, { value?: unknown; values?: unknown } | null> })
    .access_token;
  const capabilities = wanted?.['xms_cc']?.values;
  const notBefore = Number(wanted?.['nbf']?.value);
  return {
    isCapable: Array.isArray(capabilities) && capabilities.some((each) => String(each).toLowerCase() === 'cp1'),
    notBefore: Number.isFinite(notBefore) ? notBefore : undefined,
  };
}

/** The claims a challenge demands: a token issued after something happened. */
export const demandedClaims = (notBefore: number): string =>
  JSON.stringify({ access_token: { nbf: { essential: true, value: String(notBefore) } } });
