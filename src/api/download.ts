/** Bytes somebody else wrote, which no browser may take for a page or a script of ours. */
export const SAFE_DOWNLOAD: Readonly<Record<string, string>> = {
  'content-type': 'application/octet-stream',
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; sandbox",
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'private, no-store',
};

/** `attachment` with a name for every client (RFC 6266): the whole one encoded (RFC 8187), and one of plain letters. */
export function dispositionOf(name: string): string {
  const whole = name.toWellFormed().replace(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu, '_');
  const plain = whole.replace(/[^ !#$&'()+,.0-9;=@A-Z[\]^_`a-z{}~-]/g, '_');
  const encoded = encodeURIComponent(whole).replace(
    /['()*]/g,
    (it) => `%${it.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${plain}"; filename*=UTF-8''${encoded}`;
}
